/* What each name that the guest sends becomes on the host. Memory and counts have limits, whatever
 * the guest says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

#define KEPT_BYTES_MAX ((size_t)256 << 20) /* of memory, for what is settled at the end */

static int skip(struct pyro_tree_sink *sink, const char *path, const char *reason,
                const char *target, struct pyro_error *error)
{
    int r = pyro_sink_skip(&sink->skipped, path, reason, target);
    return r < 0 ? pyro_error_no_memory(error) : 0;
}

static int keep(struct pyro_tree_sink *sink, struct pyro_sink_kept **list,
                const struct pyro_tree_entry *entry, struct pyro_error *error)
{
    size_t path_size = strlen(entry->path) + 1, target_size = strlen(entry->target) + 1;
    size_t size = sizeof(struct pyro_sink_kept) + path_size + target_size;
    if (size > KEPT_BYTES_MAX - sink->kept_bytes)
        return pyro_sink_refuse_size(sink, error, "it has too many directories with long names");
    struct pyro_sink_kept *kept = malloc(size);
    if (!kept)
        return pyro_error_no_memory(error);
    *kept =
        (struct pyro_sink_kept){.next = *list, .mode = entry->mode, .mtime_ns = entry->mtime_ns};
    memcpy(kept->path, entry->path, path_size);
    kept->target = memcpy(kept->path + path_size, entry->target, target_size);
    sink->kept_bytes += size;
    *list = kept;
    return 0;
}

/* `fd`: the new file, or why there is none. */
static int begin_file(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry, int fd,
                      struct pyro_error *error)
{
    if (fd < 0)
        return pyro_sink_fail_entry(sink, entry->path, fd, error);
    struct pyro_sink_file *file = &sink->file;
    file->fd = fd;
    file->mode = entry->mode;
    file->mtime_ns = entry->mtime_ns;
    file->size = entry->size;
    file->position = 0;
    strcpy(file->path, entry->path);
    if (entry->size > PYRO_SINK_FILE_MAX)
        return pyro_sink_refuse_size(sink, error, "it has a file that is larger than 1 TiB");
    return 0;
}

static int add_symlink(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                       struct pyro_error *error)
{
    enum pyro_lead lead = pyro_symlink_lead(entry->path, entry->target);
    switch (lead) {
    case PYRO_LEAD_ABSOLUTE:
        return skip(sink, entry->path, "a symlink to an absolute path", entry->target, error);
    case PYRO_LEAD_OUTSIDE:
        return skip(sink, entry->path, "a symlink that leads out of what is exported",
                    entry->target, error);
    case PYRO_LEAD_WINDING:
        return skip(sink, entry->path, "a symlink that turns back too often", entry->target, error);
    default:
        break;
    }
    int r = pyro_sink_tree_symlink(&sink->tree, entry->path, entry->target);
    if (r < 0)
        return pyro_sink_fail_entry(sink, entry->path, r, error);
    sink->entry_count++;
    return lead == PYRO_LEAD_INSIDE_MAYBE ? keep(sink, &sink->symlinks, entry, error) : 0;
}

static int add_directory(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                         struct pyro_error *error)
{
    int r = pyro_sink_tree_mkdir(&sink->tree, entry->path);
    if (r < 0)
        return pyro_sink_fail_entry(sink, entry->path, r, error);
    sink->entry_count++;
    return keep(sink, &sink->directories, entry, error);
}

static int add_link(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                    struct pyro_error *error)
{
    int r = pyro_sink_tree_link(&sink->tree, entry->path, entry->target);
    if (r < 0)
        return pyro_sink_fail_entry(sink, entry->path, r, error);
    sink->entry_count++;
    return 0;
}

/* Something below the exported directory. */
static int take_child(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                      struct pyro_error *error)
{
    if (*entry->path == '\0' || pyro_sink_is_skipped(&sink->skipped, entry->path))
        return pyro_sink_fail_entry(sink, entry->path, -EEXIST, error);
    if (sink->kind != PYRO_TREE_DIRECTORY)
        return pyro_sink_fail_entry(sink, entry->path, -ENOTDIR, error);
    switch (entry->kind) {
    case PYRO_TREE_FILE:
        return begin_file(sink, entry, pyro_sink_tree_create(&sink->tree, entry->path), error);
    case PYRO_TREE_DIRECTORY:
        return add_directory(sink, entry, error);
    case PYRO_TREE_SYMLINK:
        return add_symlink(sink, entry, error);
    case PYRO_TREE_LINK:
        return add_link(sink, entry, error);
    case PYRO_TREE_OTHER:
        return skip(sink, entry->path, "a device, a pipe, a socket or a mount point", NULL, error);
    default:
        return pyro_sink_not_a_tree(sink, error, "%s is said to be missing",
                                    pyro_sink_show(entry->path).text);
    }
}

/* A symlink alone has nothing beside it that it could lead to, so it is only carried when what it
 * says is as good on the host as in the guest. It is made at the end. */
static int begin_symlink(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                         struct pyro_error *error)
{
    char problem[400];
    if (pyro_symlink_climbs(entry->target)) {
        snprintf(problem, sizeof(problem),
                 "it is a symlink to %s, which on this host would lead to something else",
                 pyro_show_path(entry->target).text);
        return pyro_sink_refuse(sink, error, problem, "export what it points to");
    }
    sink->target = strdup(entry->target);
    return sink->target ? 0 : pyro_error_no_memory(error);
}

static int begin_directory(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                           struct pyro_error *error)
{
    if (pyro_sink_goal_make(&sink->goal, entry->kind, NULL, error) < 0)
        return -1;
    sink->tree.root = sink->goal.held;
    return keep(sink, &sink->directories, entry, error);
}

/* The exported thing itself. */
static int take_first(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                      struct pyro_error *error)
{
    if (*entry->path != '\0')
        return pyro_sink_fail_entry(sink, entry->path, -ENOENT, error);
    sink->kind = entry->kind;
    switch (entry->kind) {
    case PYRO_TREE_FILE:
        if (pyro_sink_goal_make(&sink->goal, entry->kind, NULL, error) < 0)
            return -1;
        int fd = fcntl(sink->goal.held, F_DUPFD_CLOEXEC, 0); /* the lock stays with the goal */
        return begin_file(sink, entry, fd < 0 ? -errno : fd, error);
    case PYRO_TREE_DIRECTORY:
        return begin_directory(sink, entry, error);
    case PYRO_TREE_SYMLINK:
        return begin_symlink(sink, entry, error);
    case PYRO_TREE_OTHER:
        return pyro_sink_refuse(
            sink, error,
            "it is a device, a pipe, a socket or a mount point, which cannot be carried",
            "export a file, a directory or a symlink");
    case PYRO_TREE_MISSING:
        return pyro_sink_refuse(sink, error, "there is nothing at that path in the guest",
                                "look with `ls -la` in the guest how it is spelled");
    default:
        return pyro_sink_not_a_tree(sink, error, "it begins with a hard link");
    }
}

int pyro_sink_take_entry(struct pyro_tree_sink *sink, const struct pyro_tree_entry *entry,
                         struct pyro_error *error)
{
    if (sink->file.fd >= 0)
        return pyro_sink_not_a_tree(sink, error, "%s begins before %s is done",
                                    pyro_sink_show(entry->path).text,
                                    pyro_sink_show(sink->file.path).text);
    if (++sink->seen_count > PYRO_SINK_ENTRIES_MAX)
        return pyro_sink_refuse_size(sink, error, "it has more than a million entries");
    return sink->kind == 0 ? take_first(sink, entry, error) : take_child(sink, entry, error);
}

/* Only now is it known what the names are that these symlinks turn back behind. */
static int settle_symlinks(struct pyro_tree_sink *sink, struct pyro_error *error)
{
    for (const struct pyro_sink_kept *kept = sink->symlinks; kept; kept = kept->next) {
        if (pyro_sink_symlink_stays(&sink->tree, kept->path, kept->target))
            continue;
        int r = pyro_sink_tree_unlink(&sink->tree, kept->path);
        if (r < 0)
            return pyro_sink_fail_entry(sink, kept->path, r, error);
        sink->entry_count--;
        if (skip(sink, kept->path, "a symlink that leads through another and back", kept->target,
                 error) < 0)
            return -1;
    }
    return 0;
}

static int seal_directory(struct pyro_tree_sink *sink, const struct pyro_sink_kept *kept)
{
    cleanup_close int fd = pyro_sink_tree_open_directory(&sink->tree, kept->path);
    return fd < 0 ? fd : pyro_sink_seal(fd, kept->mode, kept->mtime_ns);
}

/* The last comes first: a directory may forbid the way to what is in it. */
static int seal_directories(struct pyro_tree_sink *sink, struct pyro_error *error)
{
    for (const struct pyro_sink_kept *kept = sink->directories; kept; kept = kept->next) {
        int r = seal_directory(sink, kept);
        if (r < 0)
            return pyro_sink_fail_entry(sink, kept->path, r, error);
    }
    return 0;
}

int pyro_sink_settle(struct pyro_tree_sink *sink, struct pyro_error *error)
{
    if (sink->kind == PYRO_TREE_SYMLINK) {
        sink->entry_count = 1;
        return pyro_sink_goal_make(&sink->goal, sink->kind, sink->target, error);
    }
    if (settle_symlinks(sink, error) < 0)
        return -1;
    return seal_directories(sink, error);
}
