/* None of an archive may lead out of it, and none of an exported tree may bring whoever follows it
 * on the host to something that was not exported. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

enum { TURNS_MAX = 8 };

/* One component after the other; "" and "." are left out. NULL at the end. */
static const char *next_component(const char **rest, size_t *ret_length)
{
    for (;;) {
        const char *at = *rest + strspn(*rest, "/");
        size_t length = strcspn(at, "/");
        *rest = at + length;
        *ret_length = length;
        if (length == 0)
            return NULL;
        if (length != 1 || *at != '.')
            return at;
    }
}

static bool is_up(const char *component, size_t length)
{
    return length == 2 && component[0] == '.' && component[1] == '.';
}

enum pyro_lead pyro_symlink_lead(const char *path, const char *target)
{
    size_t depth = 0, turns = 0, length;
    bool named = false;
    if (*target == '/')
        return PYRO_LEAD_ABSOLUTE;
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
        depth++;
    for (const char *at; (at = next_component(&target, &length));) {
        bool up = is_up(at, length);
        if (up && depth == 0)
            return PYRO_LEAD_OUTSIDE;
        turns += up && named;
        named |= !up;
        depth += up ? -(size_t)1 : 1;
    }
    return turns == 0           ? PYRO_LEAD_INSIDE
           : turns <= TURNS_MAX ? PYRO_LEAD_INSIDE_MAYBE
                                : PYRO_LEAD_WINDING;
}

/* The text alone does not tell: with s → "..", "s/../x" is not "x". Those that turn back only from
 * real directories cannot do that, not even together. */
bool pyro_sink_symlink_stays(struct pyro_sink_tree *tree, const char *path, const char *target)
{
    char at[2 * (PYRO_TREE_PATH_MAX + 1) + 1];
    const char *slash = strrchr(path, '/'), *component;
    size_t size = slash ? (size_t)(slash - path) : 0, length;
    memcpy(at, path, size);
    at[size] = '\0';
    while ((component = next_component(&target, &length))) {
        if (!is_up(component, length)) {
            size_t separator = size > 0;
            memcpy(at + size, "/", separator);
            memcpy(at + size + separator, component, length);
            size += separator + length;
            at[size] = '\0';
            continue;
        }
        cleanup_close int fd = pyro_sink_tree_open_directory(tree, at);
        if (fd < 0 && fd != -ENOENT)
            return false;
        const char *last = strrchr(at, '/');
        size = last ? (size_t)(last - at) : 0;
        at[size] = '\0';
    }
    return true;
}

bool pyro_symlink_climbs(const char *target)
{
    size_t length;
    if (*target == '/')
        return true;
    for (const char *at; (at = next_component(&target, &length));) {
        if (is_up(at, length))
            return true;
    }
    return false;
}
