/* The guest's tree and the baseline side by side. What is the same by its looks is passed over; of
 * the rest, here is decided what has to be fetched to know more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/diff_parts.h"

static int add(struct pyro_diff *diff, const struct pyro_diff_change *change)
{
    if (diff->count == diff->capacity) {
        size_t capacity = MAX(diff->capacity * 2, (size_t)64);
        void *changes = realloc(diff->changes, capacity * sizeof(*diff->changes));
        if (!changes)
            return -ENOMEM;
        diff->changes = changes;
        diff->capacity = capacity;
    }
    diff->changes[diff->count++] = *change;
    return 0;
}

/* A guest cannot set the ctime of a file, so one whose inode and ctime are the old ones was not
 * written to. */
static bool looks_untouched(const struct pyro_baseline_entry *before,
                            const struct pyro_tree_entry *after)
{
    return before->kind == PYRO_TREE_FILE && after->kind == PYRO_TREE_FILE && before->inode != 0 &&
           before->inode == after->inode && before->size == after->size &&
           before->mtime_ns == after->mtime_ns && before->ctime_ns == after->ctime_ns;
}

/* A file too large to be shown is fetched only if it may be the same. */
static void want(struct pyro_diff_change *change, const struct pyro_baseline_entry *before)
{
    const struct pyro_tree_entry *after = change->after;
    bool was_file = before && before->kind == PYRO_TREE_FILE;
    change->is_wanted =
        after->size <= PYRO_TEXT_SIZE_MAX || (was_file && before->size == after->size);
    change->size_wanted = MAX(was_file ? before->size : 0, (uint64_t)PYRO_TEXT_SIZE_MAX);
    change->content = PYRO_DIFF_OVERSIZE; /* unless the fetch says more */
}

static int compare_both(struct pyro_diff *diff, struct pyro_diff_change *change)
{
    struct pyro_baseline_entry before;
    const struct pyro_tree_entry *after = change->after;
    pyro_baseline_get(diff->baseline, change->before, &before);
    change->path = before.path;
    bool is_file = after->kind == PYRO_TREE_FILE;
    bool looks_same = is_file
                          ? looks_untouched(&before, after)
                          : before.kind == after->kind && strcmp(before.target, after->target) == 0;
    if (looks_same && (before.mode == after->mode || before.kind == PYRO_TREE_SYMLINK))
        return 0;
    if (is_file && !looks_same)
        want(change, &before);
    return add(diff, change);
}

static int add_new(struct pyro_diff *diff, struct pyro_diff_change *change)
{
    change->path = change->after->path;
    if (change->after->kind == PYRO_TREE_FILE)
        want(change, NULL);
    return add(diff, change);
}

static int add_gone(struct pyro_diff *diff, struct pyro_diff_change *change)
{
    struct pyro_baseline_entry before;
    pyro_baseline_get(diff->baseline, change->before, &before);
    change->path = before.path;
    return add(diff, change);
}

/* Which of the two next ones comes first; 0: they have the same path. */
static int compare_next(const struct pyro_diff *diff, size_t before, size_t after)
{
    struct pyro_baseline_entry entry;
    if (before == pyro_baseline_count(diff->baseline))
        return 1;
    if (after == diff->tree.count)
        return -1;
    pyro_baseline_get(diff->baseline, before, &entry);
    return strcmp(entry.path, diff->tree.entries[after].path);
}

int pyro_diff_merge(struct pyro_diff *diff, struct pyro_error *error)
{
    size_t before = 0, after = 0;
    int r = 0;
    while (r == 0 && (before < pyro_baseline_count(diff->baseline) || after < diff->tree.count)) {
        int order = compare_next(diff, before, after);
        struct pyro_diff_change change = {.before = order <= 0 ? before++ : PYRO_DIFF_NOWHERE,
                                          .after =
                                              order >= 0 ? &diff->tree.entries[after++] : NULL};
        r = order == 0  ? compare_both(diff, &change)
            : order < 0 ? add_gone(diff, &change)
                        : add_new(diff, &change);
    }
    return r < 0 ? pyro_error_no_memory(error) : 0;
}
