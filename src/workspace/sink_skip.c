/* What was in the guest's tree and does not come along: told, so that nobody looks for it. */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "workspace/sink_parts.h"

/* FNV-1a. A guest that makes two of its names collide is told that it sent one of them twice. */
static void *hash(const char *path)
{
    uint64_t value = 0xcbf29ce484222325;
    for (; *path; path++)
        value = (value ^ (unsigned char)*path) * 0x100000001b3;
    return (void *)(uintptr_t)value;
}

static int compare(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

static void free_nothing(void *pointer)
{
    (void)pointer;
}

int pyro_sink_skipped_init(struct pyro_sink_skipped *skipped)
{
    *skipped = (struct pyro_sink_skipped){.entries = json_array()};
    return skipped->entries ? 0 : -ENOMEM;
}

void pyro_sink_skipped_finish(struct pyro_sink_skipped *skipped)
{
    json_decref(skipped->entries);
    tdestroy(skipped->paths, free_nothing);
    *skipped = (struct pyro_sink_skipped){0};
}

static int add(json_t *entries, const char *path, const char *reason)
{
    size_t size;
    cleanup_free char *valid = pyro_text_to_utf8(path, strlen(path), &size);
    json_t *entry = valid ? json_pack("{s:s%, s:s}", "path", valid, size, "reason", reason) : NULL;
    return json_array_append_new(entries, entry) < 0 ? -ENOMEM : 0;
}

int pyro_sink_skip(struct pyro_sink_skipped *skipped, const char *path, const char *reason,
                   const char *target)
{
    if (!tsearch(hash(path), &skipped->paths, compare))
        return -ENOMEM;
    if (skipped->count++ >= PYRO_SINK_SKIPPED_MAX)
        return 0;
    if (!target)
        return add(skipped->entries, path, reason);
    cleanup_free char *full = pyro_text_format("%s: %s", reason, pyro_show_path(target).text);
    return full ? add(skipped->entries, path, full) : -ENOMEM;
}

bool pyro_sink_is_skipped(const struct pyro_sink_skipped *skipped, const char *path)
{
    return skipped->paths && tfind(hash(path), &skipped->paths, compare);
}

json_t *pyro_sink_skipped_take(struct pyro_sink_skipped *skipped)
{
    if (skipped->count > PYRO_SINK_SKIPPED_MAX) {
        char reason[64];
        snprintf(reason, sizeof(reason), "and %zu more", skipped->count - PYRO_SINK_SKIPPED_MAX);
        if (add(skipped->entries, "", reason) < 0)
            return NULL;
    }
    return steal_pointer(&skipped->entries);
}
