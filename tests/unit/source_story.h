/* What the tests of sources share: reading one into a story, line by line, and making files. */
#ifndef PYRO_SOURCE_STORY_H
#define PYRO_SOURCE_STORY_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/text.h"
#include "tap.h"
#include "workspace/source.h"

static const struct pyro_home home = {.libexec = (char *)PYRO_TEST_LIBEXEC};
static char *place; /* where we are, too; a directory of ours */

/* ---- reading a source ---- */

static struct pyro_error error;
static char story[1 << 20]; /* what the source handed out, a line for each record */

static inline void tell(const struct pyro_tree_record *record)
{
    static const char kinds[] = "?FDSL";
    size_t used = strlen(story), left = sizeof(story) - used;
    const struct pyro_tree_entry *entry = &record->entry;
    if (record->type == PYRO_TREE_ENTRY)
        snprintf(story + used, left, "%c %o %s%s%s\n", kinds[entry->kind], entry->mode, entry->path,
                 *entry->target ? " > " : "", entry->target);
    else if (record->type == PYRO_TREE_DATA)
        snprintf(story + used, left, "  %zu+%u\n", (size_t)record->data.offset, record->data.size);
    else if (record->type == PYRO_TREE_TIMES)
        snprintf(story + used, left, "T %o %s\n", record->times.mode, record->times.path);
}

/* False when the other end would not take it. */
static inline bool is_packable(const struct pyro_tree_record *record)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, PYRO_TREE_RECORD_MAX);
    bool good = pyro_tree_record_pack(&out, record) == 0 &&
                (record->type != PYRO_TREE_DONE || record->done == 0);
    pyro_buffer_finish(&out);
    return good;
}

static inline int go_on(struct pyro_tree_source *source)
{
    struct pyro_tree_record record;
    int r;
    while ((r = pyro_tree_source_next(source, &record, &error)) > 0) {
        if (!is_packable(&record))
            ok(0, "%s: a record that cannot be packed", record.entry.path);
        tell(&record);
    }
    return r;
}

static inline struct pyro_tree_source *begin(const char *path)
{
    struct pyro_tree_source *source = NULL;
    error = (struct pyro_error)PYRO_ERROR_INIT;
    *story = '\0';
    pyro_tree_source_open(&home, path, "seed_path", &source, &error);
    return source;
}

static inline int read_all(const char *path)
{
    struct pyro_tree_source *source = begin(path);
    int r = source ? go_on(source) : -1;
    pyro_tree_source_close(source);
    return r;
}

static inline void is_read(const char *path, const char *wanted, const char *name)
{
    int r = read_all(path);
    if (!is_text(r == 0 ? story : "(failed)", wanted, name))
        printf("# %s\n", error.message);
}

/* Refused, for a reason that contains `words`, with all that an error has to say. */
static inline void is_refused(const char *path, const char *words, const char *name)
{
    int r = read_all(path);
    bool good = r < 0 && strstr(error.message, words) && *error.message &&
                strcmp(error.field, "seed_path") == 0 && error.code == PYRO_ERROR_INVALID_PARAMETER;
    if (!ok(good, "%s: refused", name))
        printf("# r %d, %s: %s (field %s)\n", r, pyro_error_name(error.code), error.message,
               error.field);
}

/* ---- making files ---- */

static inline void put(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || pyro_fd_write_all(fd, bytes, size) < 0)
        ok(0, "writes %s", path);
    close(fd);
}

static inline void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

static inline void clear(void)
{
    pyro_tree_remove_at(AT_FDCWD, "t");
    if (mkdir("t", 0755) < 0)
        ok(0, "mkdir: %s", strerror(errno));
}

/* In a directory of our own, until story_finish(). */
static inline bool story_init(void)
{
    static char name[] = "/tmp/pyro-source-XXXXXX";
    umask(022);
    place = mkdtemp(name);
    return place && chmod(place, 0755) == 0 && chdir(place) == 0;
}

static inline int story_finish(void)
{
    pyro_tree_remove_at(AT_FDCWD, place);
    return tap_done();
}

#endif
