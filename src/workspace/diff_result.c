/* A diff as JSON. Paths and texts that are not UTF-8 lose what is not; the patch as bytes has it.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "workspace/diff_parts.h"

static const char *status_name(enum pyro_diff_status status)
{
    static const char *const names[] = {[PYRO_DIFF_ADDED] = "added",
                                        [PYRO_DIFF_MODIFIED] = "modified",
                                        [PYRO_DIFF_DELETED] = "deleted",
                                        [PYRO_DIFF_TYPE_CHANGED] = "type_changed"};
    return names[status];
}

static const char *kind_name(enum pyro_tree_kind kind)
{
    return kind == PYRO_TREE_FILE        ? "file"
           : kind == PYRO_TREE_DIRECTORY ? "directory"
           : kind == PYRO_TREE_SYMLINK   ? "symlink"
                                         : "other";
}

/* `ret_is_lossy` is only set, never cleared. */
static json_t *text_value(const void *bytes, size_t size, bool *ret_is_lossy)
{
    size_t valid_size;
    cleanup_free char *valid = pyro_text_to_utf8(bytes, size, &valid_size);
    if (!valid)
        return NULL;
    if (valid_size != size || memcmp(valid, bytes, size) != 0)
        *ret_is_lossy = true;
    return json_stringn_nocheck(valid, valid_size);
}

static void set_mode(json_t *object, const char *key, uint32_t mode)
{
    char text[8];
    snprintf(text, sizeof(text), "%04o", (unsigned)mode);
    json_object_set_new(object, key, json_string(text));
}

static void set_facts(json_t *object, const struct pyro_diff_side *before,
                      const struct pyro_diff_side *after)
{
    bool both = before->kind != PYRO_TREE_MISSING && after->kind != PYRO_TREE_MISSING;
    if (both && before->kind != after->kind)
        json_object_set_new(object, "artifact_type_before", json_string(kind_name(before->kind)));
    if (both && before->kind == after->kind && before->kind != PYRO_TREE_SYMLINK &&
        before->mode != after->mode) {
        set_mode(object, "mode_before", before->mode);
        set_mode(object, "mode_after", after->mode);
    }
    if (before->kind == PYRO_TREE_FILE)
        json_object_set_new(object, "size_before", json_integer((json_int_t)before->size));
    if (after->kind == PYRO_TREE_FILE)
        json_object_set_new(object, "size_after", json_integer((json_int_t)after->size));
}

static json_t *entry_value(const struct pyro_diff *diff, const struct pyro_diff_change *change)
{
    struct pyro_diff_side before = pyro_diff_before(diff, change);
    struct pyro_diff_side after = pyro_diff_after(diff, change);
    enum pyro_tree_kind kind = after.kind != PYRO_TREE_MISSING ? after.kind : before.kind;
    bool is_lossy = false;
    json_t *path = text_value(change->path, strlen(change->path), &is_lossy);
    json_t *patch = change->patch_size == 0
                        ? json_null()
                        : text_value(pyro_buffer_data(diff->patch) + change->patch,
                                     change->patch_size, &is_lossy);
    json_t *object = json_pack("{so ss ss so}", "path", path, "status", status_name(change->status),
                               "artifact_type", kind_name(kind), "text_patch", patch);
    if (!object)
        return NULL;
    set_facts(object, &before, &after);
    if (change->reason)
        json_object_set_new(object, "reason", json_string(change->reason));
    if (is_lossy)
        json_object_set_new(object, "lossy", json_true());
    return object;
}

static json_t *entries_value(const struct pyro_diff *diff)
{
    json_t *entries = json_array();
    for (size_t i = 0; i < diff->count && entries; i++) {
        if (json_array_append_new(entries, entry_value(diff, &diff->changes[i])) < 0) {
            json_decref(entries);
            return NULL;
        }
    }
    return entries;
}

static json_t *summary_value(const struct pyro_diff *diff)
{
    json_int_t of_status[PYRO_DIFF_TYPE_CHANGED + 1] = {0}, patched = 0;
    for (size_t i = 0; i < diff->count; i++) {
        of_status[diff->changes[i].status]++;
        patched += diff->changes[i].patch_size > 0;
    }
    json_int_t total = (json_int_t)diff->count;
    return json_pack(
        "{sI sI sI sI sI sI sI}", "total", total, "added", of_status[PYRO_DIFF_ADDED], "modified",
        of_status[PYRO_DIFF_MODIFIED], "deleted", of_status[PYRO_DIFF_DELETED], "type_changed",
        of_status[PYRO_DIFF_TYPE_CHANGED], "text_patched", patched, "non_text", total - patched);
}

json_t *pyro_diff_result(const struct pyro_diff *diff)
{
    bool is_lossy = false;
    const void *patch = diff->patch->size > 0 ? pyro_buffer_data(diff->patch) : (const void *)"";
    json_t *entries = entries_value(diff), *summary = summary_value(diff);
    return json_pack("{sb so so so}", "changed", diff->count > 0, "summary", summary, "entries",
                     entries, "patch", text_value(patch, diff->patch->size, &is_lossy));
}
