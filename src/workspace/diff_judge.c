/* What changed, now that all is known. */
#include <string.h>

#include "workspace/content.h"
#include "workspace/diff_parts.h"

struct pyro_diff_side pyro_diff_before(const struct pyro_diff *diff,
                                       const struct pyro_diff_change *change)
{
    struct pyro_baseline_entry entry;
    if (change->before == PYRO_DIFF_NOWHERE)
        return (struct pyro_diff_side){.kind = PYRO_TREE_MISSING};
    pyro_baseline_get(diff->baseline, change->before, &entry);
    struct pyro_diff_side side = {.kind = entry.kind, .mode = entry.mode, .size = entry.size};
    if (entry.kind == PYRO_TREE_SYMLINK) {
        side.is_shown = true;
        side.text = entry.target;
        side.text_size = strlen(entry.target);
    } else if (entry.is_text) {
        side.is_shown = true;
        side.text = entry.text ? (const char *)entry.text : "";
        side.text_size = (size_t)entry.size;
    }
    return side;
}

struct pyro_diff_side pyro_diff_after(const struct pyro_diff *diff,
                                      const struct pyro_diff_change *change)
{
    const struct pyro_tree_entry *entry = change->after;
    if (!entry)
        return (struct pyro_diff_side){.kind = PYRO_TREE_MISSING};
    struct pyro_diff_side side = {.kind = entry->kind, .mode = entry->mode, .size = entry->size};
    if (entry->kind == PYRO_TREE_SYMLINK) {
        side.is_shown = true;
        side.text = entry->target;
        side.text_size = strlen(entry->target);
    } else if (entry->kind == PYRO_TREE_FILE && change->content == PYRO_DIFF_TEXT) {
        side.is_shown = true;
        side.text =
            diff->texts.bytes ? (const char *)pyro_buffer_data(&diff->texts) + change->text : "";
        side.text_size = (size_t)entry->size;
    }
    return side;
}

bool pyro_diff_is_executable(const struct pyro_diff_side *side)
{
    return side->mode & 0100;
}

bool pyro_diff_text_changed(const struct pyro_diff_change *change)
{
    return change->status != PYRO_DIFF_MODIFIED || change->after->kind == PYRO_TREE_SYMLINK ||
           (change->after->kind == PYRO_TREE_FILE && change->content != PYRO_DIFF_SAME);
}

bool pyro_diff_needs_hunks(const struct pyro_diff_change *change)
{
    return change->status == PYRO_DIFF_MODIFIED && change->after->kind == PYRO_TREE_FILE &&
           change->content == PYRO_DIFF_TEXT;
}

static enum pyro_diff_status judge_same_kind(const struct pyro_diff *diff,
                                             const struct pyro_diff_change *change)
{
    struct pyro_diff_side before = pyro_diff_before(diff, change);
    struct pyro_diff_side after = pyro_diff_after(diff, change);
    bool changed = before.mode != after.mode;
    if (before.kind == PYRO_TREE_SYMLINK)
        changed = strcmp(before.text, after.text) != 0;
    else if (before.kind == PYRO_TREE_FILE)
        changed = changed || change->content != PYRO_DIFF_SAME;
    return changed ? PYRO_DIFF_MODIFIED : PYRO_DIFF_NONE;
}

/* A directory that came or went tells by what is in it, and only an empty one by itself. */
static enum pyro_diff_status judge(const struct pyro_diff *diff,
                                   const struct pyro_diff_change *change)
{
    enum pyro_tree_kind before = pyro_diff_before(diff, change).kind;
    enum pyro_tree_kind after = pyro_diff_after(diff, change).kind;
    if (before == after)
        return before == PYRO_TREE_MISSING ? PYRO_DIFF_NONE : judge_same_kind(diff, change);
    if (before == PYRO_TREE_MISSING)
        return after == PYRO_TREE_DIRECTORY && pyro_diff_is_parent_now(diff, change->path)
                   ? PYRO_DIFF_NONE
                   : PYRO_DIFF_ADDED;
    if (after == PYRO_TREE_MISSING)
        return before == PYRO_TREE_DIRECTORY && pyro_diff_was_parent(diff, change->path)
                   ? PYRO_DIFF_NONE
                   : PYRO_DIFF_DELETED;
    return PYRO_DIFF_TYPE_CHANGED;
}

/* The texts of a baseline are believed only as long as they are what was hashed. */
static int check_text(const struct pyro_diff *diff, const struct pyro_diff_change *change)
{
    struct pyro_baseline_entry entry;
    uint8_t sha256[PYRO_SHA256_SIZE];
    if (change->before == PYRO_DIFF_NOWHERE || !pyro_diff_text_changed(change))
        return 0;
    pyro_baseline_get(diff->baseline, change->before, &entry);
    if (!entry.is_text)
        return 0;
    pyro_sha256(entry.text ? (const char *)entry.text : "", entry.size, sha256);
    return memcmp(sha256, entry.sha256, sizeof(sha256)) != 0 ? -1 : 0;
}

int pyro_diff_judge(struct pyro_diff *diff, struct pyro_error *error)
{
    size_t kept = 0;
    for (size_t i = 0; i < diff->count; i++) {
        struct pyro_diff_change change = diff->changes[i];
        change.status = judge(diff, &change);
        if (change.status == PYRO_DIFF_NONE)
            continue;
        if (check_text(diff, &change) < 0)
            return pyro_baseline_damaged(error);
        diff->changes[kept++] = change;
    }
    diff->count = kept;
    return 0;
}
