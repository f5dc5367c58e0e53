/* What a sink is made of. Only for sink*.c and their test; everybody else uses sink.h. */
#ifndef PYRO_WORKSPACE_SINK_PARTS_H
#define PYRO_WORKSPACE_SINK_PARTS_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/tree.h"
#include "workspace/show.h"
#include "workspace/sink.h"
#include "workspace/symlink.h"
#include "workspace/tree_reader.h"

#define PYRO_SINK_FILE_MAX ((uint64_t)1 << 40) /* of one file, holes counted */

enum { PYRO_SINK_SKIPPED_MAX = 1000 }; /* named in the result; the others are counted */

/* ---- sink_remove.c ---- */

/* rm -rf for trees made by a guest: no depth and no mode stops it, and it needs few descriptors.
 * Never follows a symlink, never enters a mounted file system (-EBUSY). What is not there is fine.
 * 0 or a negative errno. */
int pyro_sink_remove_at(int directory, const char *name);
/* The same for all that is in a directory. */
int pyro_sink_remove_content(int directory);
/* Whether that can be expected to work: 0, -EACCES, or -EBUSY when something is mounted there. What
 * cannot be looked at is taken for removable. */
int pyro_sink_can_remove(int directory, const char *name);
bool pyro_sink_is_mount(int directory, const char *name);

/* ---- sink_stale.c ---- */

/* A name beside the goal ends with so many of these. */
enum { PYRO_SINK_RANDOM = 6 };
#define PYRO_SINK_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/* Removes what sinks that were killed have left: such names behind `prefix`, files and directories
 * of this user that nobody has locked. */
void pyro_sink_stale_remove(int directory, const char *prefix);

/* ---- sink_goal.c: where it goes, and the new thing beside it ---- */

struct pyro_sink_goal {
    int parent; /* the goal's directory, O_PATH */
    char *name; /* the goal in it */
    struct pyro_shown_path shown;
    bool force;
    char prefix[NAME_MAX + 1];    /* of the new thing's name: ".NAME.pyro-" */
    char temporary[NAME_MAX + 1]; /* the new thing's name, "" when there is none */
    int held; /* the new thing, locked as long as it is not the goal; -1 for symlinks */
};

/* Refuses a goal that cannot be. To be finished, also when it fails. `parent`: its directory, or
 * -1: as the path says. */
int pyro_sink_goal_open(struct pyro_sink_goal *goal, int parent, const char *output_path,
                        bool force, struct pyro_error *error);
/* Makes the new thing: an empty file, an empty directory, or the whole symlink. */
int pyro_sink_goal_make(struct pyro_sink_goal *goal, enum pyro_tree_kind kind, const char *target,
                        struct pyro_error *error);
/* The new thing becomes the goal. */
int pyro_sink_goal_place(struct pyro_sink_goal *goal, enum pyro_tree_kind kind,
                         struct pyro_error *error);
/* Removes the new thing when it is not in its place. */
void pyro_sink_goal_finish(struct pyro_sink_goal *goal);

/* ---- sink_tree.c: names below the new directory ---- */

struct pyro_sink_tree {
    int root;             /* borrowed */
    bool without_openat2; /* it was refused */
    int parent;           /* the last directory that something was made in, -1 for none */
    char parent_path[PYRO_TREE_PATH_MAX + 1];
};

/* Each returns a negative errno on failure; -ENOENT, -ENOTDIR, -ELOOP and -EXDEV say that `path` is
 * not below a directory of this tree. Paths are safe (wire/tree.h) and not "". */
int pyro_sink_tree_open_directory(struct pyro_sink_tree *tree, const char *path); /* a descriptor */
int pyro_sink_tree_create(struct pyro_sink_tree *tree, const char *path);         /* a descriptor */
int pyro_sink_tree_mkdir(struct pyro_sink_tree *tree, const char *path);
int pyro_sink_tree_symlink(struct pyro_sink_tree *tree, const char *path, const char *target);
/* -ENOENT also when `target` is no regular file. */
int pyro_sink_tree_link(struct pyro_sink_tree *tree, const char *path, const char *target);
int pyro_sink_tree_unlink(struct pyro_sink_tree *tree, const char *path);
void pyro_sink_tree_finish(struct pyro_sink_tree *tree);

/* Gives a file or directory its last mode and time. */
int pyro_sink_seal(int fd, uint32_t mode, int64_t mtime_ns);

/* ---- symlink.c ---- */

/* For PYRO_LEAD_INSIDE_MAYBE, when all of the tree is there: true when it turns back only from
 * directories, and from names that are not there. */
bool pyro_sink_symlink_stays(struct pyro_sink_tree *tree, const char *path, const char *target);

/* ---- sink_skip.c: what is not carried ---- */

struct pyro_sink_skipped {
    json_t *entries;
    size_t count;
    void *paths; /* a tsearch(3) tree of their hashes */
};
int pyro_sink_skipped_init(struct pyro_sink_skipped *skipped);
/* `target`: put into the reason, may be NULL. 0 or -ENOMEM. */
int pyro_sink_skip(struct pyro_sink_skipped *skipped, const char *path, const char *reason,
                   const char *target);
bool pyro_sink_is_skipped(const struct pyro_sink_skipped *skipped, const char *path);
/* The result's array, a new reference; NULL when out of memory. */
json_t *pyro_sink_skipped_take(struct pyro_sink_skipped *skipped);
void pyro_sink_skipped_finish(struct pyro_sink_skipped *skipped);

/* ---- sink_record.c: what each record does ---- */

/* A directory that gets its mode at the end, or a symlink that is looked at again at the end. */
struct pyro_sink_kept {
    struct pyro_sink_kept *next;
    uint32_t mode;
    int64_t mtime_ns;
    const char *target; /* behind the path */
    char path[];
};

struct pyro_sink_file {
    int fd; /* -1: no file is being written */
    uint32_t mode;
    int64_t mtime_ns;
    uint64_t size, position;
    char path[PYRO_TREE_PATH_MAX + 1];
};

struct pyro_tree_sink {
    struct pyro_sink_goal goal;
    struct pyro_tree_reader reader;
    bool failed;
    enum pyro_tree_kind kind; /* of the exported thing; 0: it has not come */
    char *target;             /* of the exported thing, when it is a symlink */
    struct pyro_sink_tree tree;
    struct pyro_sink_file file;
    struct pyro_sink_kept *directories, *symlinks; /* the last first */
    size_t kept_bytes;
    struct pyro_sink_skipped skipped;
    uint64_t seen_count; /* entries in the stream */
    uint64_t entry_count, bytes_written;
};

/* Anything but a whole stream of records in their order is an error. */
/* For the reader; `userdata` is the sink. */
int pyro_sink_take(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error);
/* END was there. Idempotent. */
int pyro_sink_take_end(struct pyro_tree_sink *sink, struct pyro_error *error);

/* ---- sink_entry.c: what each name becomes ---- */

int pyro_sink_take_entry(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                         struct pyro_error *error);
/* All has come: what could not be done before. */
int pyro_sink_settle(struct pyro_tree_sink *sink, struct pyro_error *error);

/* ---- sink_error.c: each returns -1 ---- */

/* An entry's path for a message; "" is the exported thing. */
struct pyro_shown_path pyro_sink_show(const char *path);
/* "The guest sent something that is not a tree: …" */
int pyro_sink_not_a_tree(struct pyro_tree_sink *sink, struct pyro_error *error, const char *format,
                         ...) PYRO_PRINTF(3, 4);
/* What was asked for cannot be exported. */
int pyro_sink_refuse(struct pyro_tree_sink *sink, struct pyro_error *error, const char *problem,
                     const char *hint);
int pyro_sink_refuse_size(struct pyro_tree_sink *sink, struct pyro_error *error,
                          const char *problem);
/* A name that cannot be made, `r` says why. Most reasons lie in what the guest sent. */
int pyro_sink_fail_entry(struct pyro_tree_sink *sink, const char *path, int r,
                         struct pyro_error *error);

#endif
