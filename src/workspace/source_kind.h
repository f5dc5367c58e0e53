/* What directories and archives have in common as sources. Only for source*.c, the archive module
 * and their tests; everybody else uses source.h. */
#ifndef PYRO_WORKSPACE_SOURCE_KIND_H
#define PYRO_WORKSPACE_SOURCE_KIND_H

#include <stdbool.h>

#include "base/error.h"
#include "workspace/directories.h"
#include "workspace/source.h"

/* What all files of one source have together at most, holes counted: a hole costs nothing to send,
 * but the baseline's digests go over each byte of it. */
#define PYRO_SOURCE_SIZE_MAX ((uint64_t)256 << 30)

struct pyro_tree_source_kind {
    const char *mode;
    /* As pyro_tree_source_next(), without the TIMES at the end. */
    int (*next)(struct pyro_tree_source *source, struct pyro_tree_record *ret_record,
                struct pyro_error *error);
    /* Finishes what the kind added, not the source itself. */
    void (*finish)(struct pyro_tree_source *source);
};

/* The first member of each kind's own struct, which is allocated as a whole. */
struct pyro_tree_source {
    const struct pyro_tree_source_kind *kind;
    char *given; /* the path that the source was opened with */
    char field[64];
    struct pyro_directories directories;          /* those that were handed out */
    size_t times_left;                            /* of them, whose TIMES are still to come */
    bool is_listed;                               /* all but the TIMES are handed out */
    uint64_t entry_count, data_bytes, size_bytes; /* handed out; the last one with holes */
    const char *const *names_to_leave_out;        /* NULL: none */
    json_t *left_out;                             /* NULL: nothing */
    char path[PYRO_TREE_PATH_MAX + 1];            /* of the entry that is looked at */
    char target[PYRO_TREE_PATH_MAX + 1];
};

/* Both open a source that is to be closed by pyro_tree_source_close(). The descriptor is theirs,
 * also when they fail. */
typedef int pyro_source_open_function(int fd, const char *given, const char *field,
                                      struct pyro_tree_source **ret_source,
                                      struct pyro_error *error);
pyro_source_open_function pyro_source_directory_open;
/* Loads the module and hands on. */
int pyro_source_archive_open(const struct pyro_home *home, int fd, const char *given,
                             const char *field, struct pyro_tree_source **ret_source,
                             struct pyro_error *error);

/* The one thing that the archive module shows; the name is looked up. */
#define PYRO_SOURCE_ARCHIVE_SYMBOL "pyro_source_archive_open_here"
__attribute__((visibility("default"))) pyro_source_open_function pyro_source_archive_open_here;

/* Whether an entry of that name is to be left out. `source->path` is its path, which is noted. */
bool pyro_source_leaves_out(struct pyro_tree_source *source, const char *name);

/* Sets up the common part of a struct that is all zeros. */
int pyro_source_init(struct pyro_tree_source *source, const struct pyro_tree_source_kind *kind,
                     const char *given, const char *field, struct pyro_error *error);

/* Errors about the entry `source->path`, or about the source itself when that is "". */

/* PYRO_ERROR_INVALID_PARAMETER: there is something in the source that cannot be pushed. */
int pyro_source_refuse(const struct pyro_tree_source *source, struct pyro_error *error,
                       const char *format, ...) PYRO_PRINTF(3, 4);
/* The same, for a limit that all of the source has passed: "1000000 entries". */
int pyro_source_too_much(const struct pyro_tree_source *source, const char *limit,
                         struct pyro_error *error);
/* PYRO_ERROR_SOURCE_CHANGED. */
int pyro_source_changed(const struct pyro_tree_source *source, struct pyro_error *error);
int pyro_source_unreadable(const struct pyro_tree_source *source, int errnum,
                           struct pyro_error *error);

/* The kernel's and archives' times reach further than 64 bits of nanoseconds: the nearest one. */
int64_t pyro_source_time_ns(int64_t seconds, long nanoseconds);

#endif
