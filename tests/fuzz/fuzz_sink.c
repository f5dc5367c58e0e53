/* A tree that a hostile guest sends, written to the host: whatever the bytes are, nothing is there
 * afterwards but the goal, and that only when the sink said so.
 *
 * The first byte chooses: bytes as they are, or a stream that is made of them, record by record, so
 * that more than the first one makes sense. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MADE = 1, FORCE = 2, EXISTS = 4, IS_DIRECTORY = 8, WITHOUT_OPENAT2 = 16 };

/* base/secret beside base/in, in which everything happens. */
static struct {
    char base[64], in[80], goal[96];
} place;

static void must(bool good)
{
    if (!good)
        abort();
}

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, "secret", 6) == 6 && close(fd) == 0);
}

static void remove_place(void)
{
    pyro_sink_remove_at(AT_FDCWD, place.base);
}

static void make_place(void)
{
    char path[96];
    if (place.base[0])
        return;
    strcpy(place.base, "/tmp/pyro-fuzz-sink-XXXXXX");
    must(mkdtemp(place.base) != NULL);
    snprintf(place.in, sizeof(place.in), "%s/in", place.base);
    snprintf(place.goal, sizeof(place.goal), "%s/goal", place.in);
    snprintf(path, sizeof(path), "%s/secret", place.base);
    must(mkdir(place.in, 0700) == 0);
    write_file(path);
    atexit(remove_place);
}

static size_t count_names(const char *path)
{
    size_t count = 0;
    DIR *stream = opendir(path);
    must(stream != NULL);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static void check_secret(void)
{
    char path[96], text[16];
    snprintf(path, sizeof(path), "%s/secret", place.base);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    must(fd >= 0 && read(fd, text, sizeof(text)) == 6 && memcmp(text, "secret", 6) == 0);
    close(fd);
    must(count_names(place.base) == 2);
}

/* ---- streams made of bytes ---- */

static uint8_t take_byte(const uint8_t **at, const uint8_t *end)
{
    return *at < end ? *(*at)++ : 0;
}

static const char *choose_path(uint8_t byte)
{
    static const char *const paths[] = {"",    "a",   "b",     "d",     "d/a",    "d/b",
                                        "d/e", "s",   "s/a",   "d/e/a", "d/e/s",  "d/e/s/a",
                                        "d/s", "a/a", "s/e/a", "d/e/t", "d/s/s/a"};
    return paths[byte % ARRAY_SIZE(paths)];
}

static const char *choose_target(uint8_t byte)
{
    static const char *const targets[] = {"a",      "d",       "d/e",       "..",           "../..",
                                          ".",      "/tmp",    "../a",      "../../in",     "s/..",
                                          "t/../a", "e/../..", "../secret", "../../secret", "s"};
    return targets[byte % ARRAY_SIZE(targets)];
}

static void make_entry(struct pyro_buffer *out, const uint8_t **at, const uint8_t *end)
{
    struct pyro_tree_entry entry = {
        .kind = take_byte(at, end) % 6 + 1,
        .mode = take_byte(at, end) * 2u,
        .size = take_byte(at, end),
        .mtime_ns = (int64_t)((uint64_t)take_byte(at, end) << 56),
        .path = choose_path(take_byte(at, end)),
        .target = "",
    };
    if (entry.kind == PYRO_TREE_SYMLINK)
        entry.target = choose_target(take_byte(at, end));
    if (entry.kind == PYRO_TREE_LINK)
        entry.target = choose_path(take_byte(at, end));
    pyro_tree_entry_pack(out, &entry);
    if (entry.kind == PYRO_TREE_FILE && entry.size < 128) /* most are whole */
        pyro_tree_done_pack(out, 0);
}

static void make_record(struct pyro_buffer *out, const uint8_t **at, const uint8_t *end)
{
    switch (take_byte(at, end) % 8) {
    case 0:
        pyro_tree_data_pack(out, take_byte(at, end), "0123456789", 1 + take_byte(at, end) % 10);
        break;
    case 1:
        pyro_tree_done_pack(out, take_byte(at, end) % 2 * 116);
        break;
    case 2:
        pyro_tree_end_pack(out);
        break;
    default:
        make_entry(out, at, end);
    }
}

static void make_stream(struct pyro_buffer *out, const uint8_t *at, const uint8_t *end)
{
    struct pyro_tree_entry root = {
        .kind = PYRO_TREE_DIRECTORY, .mode = 0700, .path = "", .target = ""};
    if (take_byte(&at, end) % 8 != 0)
        pyro_tree_entry_pack(out, &root);
    while (at < end)
        make_record(out, &at, end);
    pyro_tree_end_pack(out);
}

/* ---- one run ---- */

/* True when it says that all of it is there. */
static bool sends(struct pyro_tree_sink *sink, const uint8_t *bytes, size_t size, size_t step)
{
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    for (size_t at = 0; at < size; at += step) {
        if (pyro_tree_sink_write(sink, bytes + at, MIN(step, size - at), &error) < 0)
            return false;
    }
    if (pyro_tree_sink_finish(sink, &export, &error) < 0)
        return false;
    must(export.artifact_type && json_is_array(export.skipped));
    json_decref(export.skipped);
    return true;
}

/* The kernel's opinion on where the symlinks lead, all of them together. */
static int check_symlink(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_BENEATH};
    (void)status;
    if (type != FTW_SL || walk->level == 0)
        return 0;
    int root = open(place.goal, O_PATH | O_DIRECTORY | O_CLOEXEC);
    long fd = syscall(SYS_openat2, root, path + strlen(place.goal) + 1, &how, sizeof(how));
    must(fd >= 0 || errno != EXDEV);
    if (fd >= 0)
        close((int)fd);
    close(root);
    return 0;
}

static void run(uint8_t choice, const uint8_t *bytes, size_t size)
{
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    if (choice & EXISTS)
        must((choice & IS_DIRECTORY ? mkdir(place.goal, 0700) : symlink("../secret", place.goal)) ==
             0);
    bool done = false;
    if (pyro_tree_sink_open(place.goal, choice & FORCE, &sink, &error) == 0) {
        sink->tree.without_openat2 = choice & WITHOUT_OPENAT2;
        done = sends(sink, bytes, size, choice & 0x80 ? 13 : size + 1);
        pyro_tree_sink_close(sink);
    }
    if (done)
        nftw(place.goal, check_symlink, 16, FTW_PHYS);
    must(count_names(place.in) == (done || (choice & EXISTS)));
    check_secret();
    must(pyro_sink_remove_at(AT_FDCWD, place.goal) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_buffer made;
    if (size == 0)
        return 0;
    make_place();
    if (!(*data & MADE)) {
        run(*data, data + 1, size - 1);
        return 0;
    }
    pyro_buffer_init(&made, 1 << 20);
    make_stream(&made, data + 1, data + size);
    run(*data, pyro_buffer_data(&made), made.size);
    pyro_buffer_finish(&made);
    return 0;
}
