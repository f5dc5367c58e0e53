/* What is in the guest's tree, as the guest says. It can say anything: the decoder sees to it that
 * paths are safe, here it is counted and sorted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/diff_parts.h"
#include "workspace/tree_reader.h"

static void free_target(const struct pyro_tree_entry *entry)
{
    if (*entry->target != '\0')
        free((char *)entry->target);
}

void pyro_diff_tree_finish(struct pyro_diff_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free_target(&tree->entries[i]);
        free((char *)tree->entries[i].path);
    }
    free(tree->entries);
    *tree = (struct pyro_diff_tree){0};
}

int pyro_diff_entry_set(struct pyro_tree_entry *entry, const struct pyro_tree_entry *now)
{
    const char *path = entry->path;
    const char *target = *now->target != '\0' ? strdup(now->target) : "";
    if (!target)
        return -ENOMEM;
    free_target(entry);
    *entry = *now;
    entry->path = path;
    entry->target = target;
    return 0;
}

/* Room for one more. */
static struct pyro_tree_entry *reserve(struct pyro_diff_tree *tree)
{
    if (tree->count == tree->capacity) {
        size_t capacity = MAX(tree->capacity * 2, (size_t)256);
        void *entries = realloc(tree->entries, capacity * sizeof(*tree->entries));
        if (!entries)
            return NULL;
        tree->entries = entries;
        tree->capacity = capacity;
    }
    return &tree->entries[tree->count];
}

static int add(struct pyro_diff_tree *tree, const struct pyro_tree_entry *told)
{
    struct pyro_tree_entry *entry = reserve(tree);
    char *path = entry ? strdup(told->path) : NULL;
    if (!path)
        return -ENOMEM;
    *entry = (struct pyro_tree_entry){.path = path, .target = ""};
    tree->count++;
    return pyro_diff_entry_set(entry, told);
}

static int take(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error)
{
    struct pyro_diff_tree *tree = userdata;
    const struct pyro_tree_entry *entry = &record->entry;
    if (record->type != PYRO_TREE_ENTRY || entry->kind == PYRO_TREE_LINK ||
        entry->kind == PYRO_TREE_MISSING || *entry->path == '\0')
        return pyro_tree_nonsense(error);
    tree->names_size += strlen(entry->path) + strlen(entry->target);
    if (tree->count == PYRO_DIFF_ENTRIES_MAX || tree->names_size > PYRO_DIFF_NAMES_MAX)
        return pyro_error_set(error, PYRO_ERROR_WORKSPACE_FAILED,
                              "the workspace has too many entries to be compared: more than %d, or "
                              "%d MiB of names",
                              PYRO_DIFF_ENTRIES_MAX, PYRO_DIFF_NAMES_MAX >> 20);
    return add(tree, entry) < 0 ? pyro_error_no_memory(error) : 0;
}

static int feed(void *userdata, const uint8_t *bytes, size_t size, struct pyro_error *error)
{
    return pyro_tree_reader_feed(userdata, bytes, size, error);
}

static int compare(const void *left, const void *right)
{
    const struct pyro_tree_entry *a = left, *b = right;
    return strcmp(a->path, b->path);
}

static int sort(struct pyro_diff_tree *tree, struct pyro_error *error)
{
    if (tree->count > 0)
        qsort(tree->entries, tree->count, sizeof(*tree->entries), compare);
    for (size_t i = 1; i < tree->count; i++) {
        if (compare(&tree->entries[i - 1], &tree->entries[i]) == 0)
            return pyro_tree_nonsense(error);
    }
    return 0;
}

int pyro_diff_list(struct pyro_diff *diff, struct pyro_error *error)
{
    struct pyro_tree_reader reader;
    const char *const arguments[] = {"list", diff->root, NULL};
    const struct pyro_tree_call call = {
        .arguments = arguments, .userdata = &reader, .output = feed};
    pyro_tree_reader_init(&reader, take, &diff->tree);
    int r = diff->channel->run(diff->channel->userdata, &call, error);
    if (r == 0)
        r = pyro_tree_reader_close(&reader, error);
    pyro_tree_reader_finish(&reader);
    return r < 0 ? -1 : sort(&diff->tree, error);
}

/* Where `path` sorts against what is in `directory`; 0: it is in there. */
static int compare_with_inside(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    int r = strncmp(path, directory, length);
    return r != 0 ? r : (int)(unsigned char)path[length] - '/';
}

/* Binary search in something sorted by path. */
static bool is_parent_in(size_t count, const char *(*path_at)(const struct pyro_diff *, size_t),
                         const struct pyro_diff *diff, const char *directory)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = compare_with_inside(path_at(diff, middle), directory);
        if (r == 0)
            return true;
        if (r < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static const char *path_now(const struct pyro_diff *diff, size_t index)
{
    return diff->tree.entries[index].path;
}

static const char *path_then(const struct pyro_diff *diff, size_t index)
{
    struct pyro_baseline_entry entry;
    pyro_baseline_get(diff->baseline, index, &entry);
    return entry.path;
}

bool pyro_diff_is_parent_now(const struct pyro_diff *diff, const char *directory)
{
    return is_parent_in(diff->tree.count, path_now, diff, directory);
}

bool pyro_diff_was_parent(const struct pyro_diff *diff, const char *directory)
{
    return is_parent_in(pyro_baseline_count(diff->baseline), path_then, diff, directory);
}
