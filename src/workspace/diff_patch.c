/* The changes as git writes them, for `git apply` and `patch -p1`. Where git leaves it open, it is
 * written so that GNU patch 2.7 takes it too: an "index" line tells it that an empty file is to go
 * and that a symlink is to change; and spaces end unquoted names where only the line "diff --git"
 * has them, and are lost at a name's end. */
#include <errno.h>
#include <nettle/sha1.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "workspace/diff_parts.h"

enum {
    /* Compared by one run of GNU diff. */
    WINDOW_BYTES = 8 * 1024 * 1024,
    WINDOW_FILES = 4096,
};

/* The first error sticks. */
struct output {
    struct pyro_buffer *buffer;
    int error;
};

static void put(struct output *out, const char *bytes, size_t size)
{
    if (out->error == 0)
        out->error = pyro_buffer_append(out->buffer, bytes, size);
}

PYRO_PRINTF(2, 3) static void put_line(struct output *out, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    put(out, line, (size_t)size);
    put(out, "\n", 1);
}

static void put_name(struct output *out, const char *side, const char *path, bool is_quoted)
{
    if (out->error == 0)
        out->error = pyro_diff_put_name(out->buffer, side, path, is_quoted);
}

static bool ends_with_space(const char *path)
{
    size_t length = strlen(path);
    return length > 0 && path[length - 1] == ' ';
}

/* The line that begins a file; `is_alone` when no lines with one name each follow it. */
static void put_head(struct output *out, const char *path, bool is_alone)
{
    bool is_quoted = ends_with_space(path) || (is_alone && strchr(path, ' '));
    put(out, "diff --git ", 11);
    put_name(out, "a/", path, is_quoted);
    put(out, " ", 1);
    put_name(out, "b/", path, is_quoted);
    put(out, "\n", 1);
}

/* "--- a/path", "+++ /dev/null". A tab tells where a name with spaces ends. */
static void put_file_line(struct output *out, const char *mark, const char *side, const char *path)
{
    put(out, mark, 4);
    if (path) {
        put_name(out, side, path, ends_with_space(path));
        if (strchr(path, ' '))
            put(out, "\t", 1);
    } else {
        put(out, "/dev/null", 9);
    }
    put(out, "\n", 1);
}

static size_t line_length(const char *text, size_t size)
{
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    return newline ? (size_t)(newline - text) + 1 : size;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t count = 0, length;
    for (; (length = line_length(text, size)) > 0; text += length, size -= length)
        count++;
    return count;
}

static void put_lines(struct output *out, const char *sign, const char *text, size_t size)
{
    size_t length;
    for (; (length = line_length(text, size)) > 0; text += length, size -= length) {
        put(out, sign, 1);
        put(out, text, length);
        if (length == size && text[length - 1] != '\n')
            put_line(out, "\n\\ No newline at end of file");
    }
}

/* "1,12"; one line is just "1". */
static void put_range(struct output *out, const char *sign, const struct pyro_diff_side *side)
{
    char range[64];
    size_t lines = count_lines(side->text, side->text_size);
    int size =
        snprintf(range, sizeof(range), lines == 1 ? "%s%d" : "%s%d,%zu", sign, lines > 0, lines);
    put(out, range, (size_t)size);
}

/* One hunk that replaces all by all. */
static void put_whole(struct output *out, const struct pyro_diff_side *before,
                      const struct pyro_diff_side *after)
{
    put(out, "@@ ", 3);
    put_range(out, "-", before);
    put_range(out, " +", after);
    put_line(out, " @@");
    put_lines(out, "-", before->text, before->text_size);
    put_lines(out, "+", after->text, after->text_size);
}

static unsigned git_mode(const struct pyro_diff_side *side)
{
    if (side->kind == PYRO_TREE_SYMLINK)
        return 0120000;
    return pyro_diff_is_executable(side) ? 0100755 : 0100644;
}

static void put_deleted(struct output *out, const char *path, const struct pyro_diff_side *before)
{
    const struct pyro_diff_side nothing = {.text = ""};
    bool is_empty = before->text_size == 0;
    put_head(out, path, is_empty);
    put_line(out, "deleted file mode %o", git_mode(before));
    if (is_empty) {
        put_line(out, "index e69de29..0000000"); /* git's name of what is empty */
        return;
    }
    put_file_line(out, "--- ", "a/", path);
    put_file_line(out, "+++ ", "b/", NULL);
    put_whole(out, before, &nothing);
}

static void put_added(struct output *out, const char *path, const struct pyro_diff_side *after)
{
    const struct pyro_diff_side nothing = {.text = ""};
    bool is_empty = after->text_size == 0;
    put_head(out, path, is_empty);
    put_line(out, "new file mode %o", git_mode(after));
    if (is_empty) {
        put_line(out, "index 0000000..e69de29");
        return;
    }
    put_file_line(out, "--- ", "a/", NULL);
    put_file_line(out, "+++ ", "b/", path);
    put_whole(out, &nothing, after);
}

/* The first bytes of git's name of a content, in hexadecimal. */
static void blob_name(const struct pyro_diff_side *side, char ret_name[8])
{
    char blob[PYRO_TREE_PATH_MAX + 32];
    struct sha1_ctx context;
    uint8_t digest[4];
    int head = snprintf(blob, sizeof(blob), "blob %zu", side->text_size) + 1;
    memcpy(blob + head, side->text, side->text_size);
    sha1_init(&context);
    sha1_update(&context, (size_t)head + side->text_size, (const uint8_t *)blob);
    sha1_digest(&context, sizeof(digest), digest);
    snprintf(ret_name, 8, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}

static void put_modified_link(struct output *out, const char *path,
                              const struct pyro_diff_side *before,
                              const struct pyro_diff_side *after)
{
    char names[2][8];
    blob_name(before, names[0]);
    blob_name(after, names[1]);
    put_head(out, path, false);
    put_line(out, "index %s..%s 120000", names[0], names[1]);
    put_file_line(out, "--- ", "a/", path);
    put_file_line(out, "+++ ", "b/", path);
    put_whole(out, before, after);
}

static void put_modified_file(struct output *out, const struct pyro_diff_change *change,
                              const struct pyro_diff_side *before,
                              const struct pyro_diff_side *after)
{
    put_head(out, change->path, !change->hunks);
    if (git_mode(before) != git_mode(after)) {
        put_line(out, "old mode %o", git_mode(before));
        put_line(out, "new mode %o", git_mode(after));
    }
    if (!change->hunks)
        return;
    put_file_line(out, "--- ", "a/", change->path);
    put_file_line(out, "+++ ", "b/", change->path);
    put(out, change->hunks, change->hunks_size);
}

static bool is_carried(const struct pyro_diff_side *side)
{
    return side->kind == PYRO_TREE_FILE || side->kind == PYRO_TREE_SYMLINK;
}

/* Why what a file holds now is not shown. */
static const char *reason_of(enum pyro_diff_content content)
{
    return content == PYRO_DIFF_BINARY     ? "binary"
           : content == PYRO_DIFF_CHANGING ? "changing"
                                           : "oversize";
}

/* What git keeps for itself, whatever its case: one such name in a patch, and `git apply` refuses
 * all of it. */
static bool is_of_git(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 4 && strncasecmp(path, ".git", length) == 0)
            return true;
        if (path[length] == '\0')
            return false;
        path += length + 1;
    }
}

/* NULL when there is something to write. */
static const char *find_reason(const struct pyro_diff_change *change,
                               const struct pyro_diff_side *before,
                               const struct pyro_diff_side *after)
{
    if (!is_carried(before) && !is_carried(after))
        return "not a file";
    if (is_of_git(change->path))
        return "of git itself";
    if (!pyro_diff_text_changed(change))
        return git_mode(before) == git_mode(after) ? "permissions" : NULL;
    if (is_carried(after) && !after->is_shown)
        return reason_of(change->content);
    if (is_carried(before) && !before->is_shown)
        return before->size > PYRO_TEXT_SIZE_MAX ? "oversize" : "binary";
    return pyro_diff_needs_hunks(change) && !change->hunks ? "oversize" : NULL;
}

static void put_change(struct output *out, const struct pyro_diff_change *change,
                       const struct pyro_diff_side *before, const struct pyro_diff_side *after)
{
    if (change->status == PYRO_DIFF_MODIFIED && after->kind == PYRO_TREE_SYMLINK) {
        put_modified_link(out, change->path, before, after);
    } else if (change->status == PYRO_DIFF_MODIFIED) {
        put_modified_file(out, change, before, after);
    } else {
        /* One kind of thing becomes another in two steps. */
        if (is_carried(before))
            put_deleted(out, change->path, before);
        if (is_carried(after))
            put_added(out, change->path, after);
    }
}

/* A part that finds no room is taken back. */
static int write_change(struct pyro_diff *diff, struct pyro_diff_change *change)
{
    struct output out = {.buffer = diff->patch};
    struct pyro_diff_side before = pyro_diff_before(diff, change);
    struct pyro_diff_side after = pyro_diff_after(diff, change);
    change->patch = diff->patch->size;
    change->reason = find_reason(change, &before, &after);
    if (change->reason)
        return 0;
    put_change(&out, change, &before, &after);
    if (out.error == -EOVERFLOW) {
        diff->patch->size = change->patch;
        change->reason = reason_of(PYRO_DIFF_OVERSIZE);
        return 0;
    }
    change->patch_size = diff->patch->size - change->patch;
    return out.error;
}

static size_t window_end(const struct pyro_diff *diff, size_t from)
{
    size_t to = from, bytes = 0, files = 0;
    for (; to < diff->count && files < WINDOW_FILES && bytes < WINDOW_BYTES; to++) {
        const struct pyro_diff_change *change = &diff->changes[to];
        if (!pyro_diff_needs_hunks(change))
            continue;
        files++;
        bytes += pyro_diff_before(diff, change).text_size;
        bytes += pyro_diff_after(diff, change).text_size;
    }
    return to;
}

int pyro_diff_patch(struct pyro_diff *diff, struct pyro_error *error)
{
    struct pyro_diff_hunks hunks = {0};
    int r = 0;
    for (size_t from = 0, to; from < diff->count && r == 0; from = to) {
        to = window_end(diff, from);
        r = pyro_diff_hunks_make(&hunks, diff, from, to, error);
        for (size_t i = from; i < to && r == 0; i++) {
            if (write_change(diff, &diff->changes[i]) < 0)
                r = pyro_error_no_memory(error);
        }
    }
    pyro_diff_hunks_finish(&hunks, diff->bundle);
    return r;
}
