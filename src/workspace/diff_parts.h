/* The steps of a diff, in their order, and what they hand on.
 *
 *   diff_list.c     the guest's tree, sorted
 *   diff_merge.c    against the baseline: what may have changed
 *   diff_fetch.c    of files, what they hold now
 *   diff_judge.c    what did change, and how
 *   diff_patch.c    as text; diff_hunks.c has GNU diff compare modified files, diff_name.c writes
 * names diff_result.c   as JSON */
#ifndef PYRO_WORKSPACE_DIFF_PARTS_H
#define PYRO_WORKSPACE_DIFF_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "wire/tree.h"
#include "workspace/baseline.h"
#include "workspace/channel.h"

enum {
    PYRO_DIFF_ENTRIES_MAX = 1000000,
    PYRO_DIFF_NAMES_MAX = 256 * 1024 * 1024, /* bytes of paths and targets */
    PYRO_DIFF_TEXTS_MAX = 64 * 1024 * 1024,  /* of changed files that are kept */
    PYRO_DIFF_PATCH_MAX = 64 * 1024 * 1024,
};
#define PYRO_DIFF_NOWHERE SIZE_MAX

/* The guest's tree. Paths, and targets of symlinks, are allocated one by one. */
struct pyro_diff_tree {
    struct pyro_tree_entry *entries; /* sorted by path */
    size_t count, capacity, names_size;
};

/* What is known of the content of a file that is there now. */
enum pyro_diff_content {
    PYRO_DIFF_SAME, /* as in the baseline */
    PYRO_DIFF_TEXT, /* another one that can be shown, or one of a new file */
    /* The rest has changed, and cannot be shown: */
    PYRO_DIFF_BINARY, /* now or in the baseline */
    PYRO_DIFF_OVERSIZE,
    PYRO_DIFF_CHANGING, /* while it was read, or it could not be read */
};

enum pyro_diff_status {
    PYRO_DIFF_NONE,
    PYRO_DIFF_ADDED,
    PYRO_DIFF_MODIFIED,
    PYRO_DIFF_DELETED,
    PYRO_DIFF_TYPE_CHANGED,
};

/* A path that may have changed. */
struct pyro_diff_change {
    const char *path;
    size_t before;                 /* index in the baseline, or PYRO_DIFF_NOWHERE */
    struct pyro_tree_entry *after; /* in the guest's tree, or NULL */
    bool is_wanted;                /* to be fetched, up to `size_wanted` bytes */
    uint64_t size_wanted;
    enum pyro_diff_content content;
    size_t text; /* offset in `texts` of what the file holds now, when content is TEXT */
    enum pyro_diff_status status;
    const char *hunks; /* of a modified text, while its part of the patch is made */
    size_t hunks_size;
    size_t patch, patch_size; /* its part of the patch; size 0: none */
    const char *reason;       /* why there is none, or NULL */
};

struct pyro_diff {
    const struct pyro_tree_channel *channel;
    const char *root;
    int bundle;
    struct pyro_baseline *baseline;
    struct pyro_diff_tree tree;
    struct pyro_diff_change *changes; /* sorted by path */
    size_t count, capacity;
    struct pyro_buffer texts;
    struct pyro_buffer *patch;
};

/* How a path is at one time. */
struct pyro_diff_side {
    enum pyro_tree_kind kind; /* PYRO_TREE_MISSING: nothing is there */
    uint32_t mode;
    uint64_t size;
    /* What a patch shows: a text file's content, a symlink's target. */
    bool is_shown;
    const char *text;
    size_t text_size;
};

struct pyro_diff_side pyro_diff_before(const struct pyro_diff *diff,
                                       const struct pyro_diff_change *change);
struct pyro_diff_side pyro_diff_after(const struct pyro_diff *diff,
                                      const struct pyro_diff_change *change);
/* True when the contents differ, or one of them is not there. */
bool pyro_diff_text_changed(const struct pyro_diff_change *change);
/* True for a file that was a text, is one, and is another one. */
bool pyro_diff_needs_hunks(const struct pyro_diff_change *change);
/* True for a file that git would call 100755. */
bool pyro_diff_is_executable(const struct pyro_diff_side *side);

/* Each step: 0, or -1 and an error. */
int pyro_diff_list(struct pyro_diff *diff, struct pyro_error *error);
int pyro_diff_merge(struct pyro_diff *diff, struct pyro_error *error);
int pyro_diff_fetch(struct pyro_diff *diff, struct pyro_error *error);
/* Leaves only what changed. */
int pyro_diff_judge(struct pyro_diff *diff, struct pyro_error *error);
int pyro_diff_patch(struct pyro_diff *diff, struct pyro_error *error);
json_t *pyro_diff_result(const struct pyro_diff *diff); /* NULL: out of memory */

void pyro_diff_tree_finish(struct pyro_diff_tree *tree);
/* Takes over all but the path; the target is copied. 0 or -ENOMEM. */
int pyro_diff_entry_set(struct pyro_tree_entry *entry, const struct pyro_tree_entry *now);
/* True when the guest's tree, or the baseline, has something in this directory. */
bool pyro_diff_is_parent_now(const struct pyro_diff *diff, const char *directory);
bool pyro_diff_was_parent(const struct pyro_diff *diff, const char *directory);

/* Comparing with GNU diff: what it needs for as long as a diff takes. */
struct pyro_diff_hunks {
    char directory[32]; /* in the bundle; "" until it is needed */
    uint64_t deadline_ms;
    char *output; /* the last run's; hunks lie in it */
};
/* Finds the hunks of the modified texts among the changes in [from, to). Those for which the time
 * did not suffice get none. */
int pyro_diff_hunks_make(struct pyro_diff_hunks *hunks, const struct pyro_diff *diff, size_t from,
                         size_t to, struct pyro_error *error);
void pyro_diff_hunks_finish(struct pyro_diff_hunks *hunks, int bundle);

/* Appends a name as git writes it: "a/" or "b/" and the path, in C's quotes when it has unusual
 * bytes, or when `is_quoted`. 0 or a negative errno. */
int pyro_diff_put_name(struct pyro_buffer *out, const char *side, const char *path, bool is_quoted);

#endif
