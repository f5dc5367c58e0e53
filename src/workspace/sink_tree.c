/* Making things below the new directory. No path is followed further than real directories of this
 * tree: whatever the guest named, nothing outside is reached. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* What openat2() does, one component after the other. */
static int walk(int root, const char *path)
{
    char name[PYRO_TREE_NAME_MAX + 1];
    cleanup_close int at = openat(root, ".", OPEN_FLAGS);
    while (at >= 0 && *path) {
        size_t length = strcspn(path, "/");
        if (length > PYRO_TREE_NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, path, length);
        name[length] = '\0';
        path += length + (path[length] == '/');
        int next = openat(at, name, OPEN_FLAGS);
        if (next < 0)
            return -errno;
        close(at);
        at = next;
    }
    return at < 0 ? -errno : steal_fd(&at);
}

int pyro_sink_tree_open_directory(struct pyro_sink_tree *tree, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if (*path == '\0')
        path = ".";
    if (!tree->without_openat2) {
        int fd = (int)syscall(SYS_openat2, tree->root, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        /* EPERM is what the filters of some containers answer to calls they do not know. */
        if (errno != ENOSYS && errno != EPERM)
            return -errno;
        tree->without_openat2 = true;
    }
    return walk(tree->root, strcmp(path, ".") == 0 ? "" : path);
}

/* Cuts a path in two: the size of its directory's part, and the name in it. */
static size_t split(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    return slash ? (size_t)(slash - path) : 0;
}

/* The directory that `path` is in, borrowed. Neighbours come one after the other, so the last one
 * stays open. */
static int open_parent(struct pyro_sink_tree *tree, const char *path, const char **ret_name)
{
    size_t size = split(path, ret_name);
    if (size == 0)
        return tree->root;
    if (tree->parent >= 0 && strncmp(tree->parent_path, path, size) == 0 &&
        tree->parent_path[size] == '\0')
        return tree->parent;
    pyro_sink_tree_finish(tree);
    memcpy(tree->parent_path, path, size);
    tree->parent_path[size] = '\0';
    tree->parent = pyro_sink_tree_open_directory(tree, tree->parent_path);
    return tree->parent;
}

int pyro_sink_tree_create(struct pyro_sink_tree *tree, const char *path)
{
    const char *name;
    int parent = open_parent(tree, path, &name);
    if (parent < 0)
        return parent;
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int pyro_sink_tree_mkdir(struct pyro_sink_tree *tree, const char *path)
{
    const char *name;
    int parent = open_parent(tree, path, &name);
    if (parent < 0)
        return parent;
    return mkdirat(parent, name, 0700) < 0 ? -errno : 0;
}

int pyro_sink_tree_symlink(struct pyro_sink_tree *tree, const char *path, const char *target)
{
    const char *name;
    int parent = open_parent(tree, path, &name);
    if (parent < 0)
        return parent;
    return symlinkat(target, parent, name) < 0 ? -errno : 0;
}

int pyro_sink_tree_unlink(struct pyro_sink_tree *tree, const char *path)
{
    const char *name;
    int parent = open_parent(tree, path, &name);
    if (parent < 0)
        return parent;
    return unlinkat(parent, name, 0) < 0 ? -errno : 0;
}

int pyro_sink_tree_link(struct pyro_sink_tree *tree, const char *path, const char *target)
{
    char from_path[PYRO_TREE_PATH_MAX + 1];
    const char *from_name, *name;
    size_t size = split(target, &from_name);
    memcpy(from_path, target, size);
    from_path[size] = '\0';
    cleanup_close int from = pyro_sink_tree_open_directory(tree, from_path);
    struct stat status;
    if (from < 0)
        return from;
    if (fstatat(from, from_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ENOENT;
    int parent = open_parent(tree, path, &name);
    if (parent < 0)
        return parent;
    return linkat(from, from_name, parent, name, 0) < 0 ? -errno : 0;
}

void pyro_sink_tree_finish(struct pyro_sink_tree *tree)
{
    if (tree->parent >= 0)
        close(tree->parent);
    tree->parent = -1;
}

int pyro_sink_seal(int fd, uint32_t mode, int64_t mtime_ns)
{
    enum { SECOND = 1000000000 };
    int64_t rest = mtime_ns % SECOND;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = mtime_ns / SECOND - (rest < 0), .tv_nsec = rest < 0 ? rest + SECOND : rest},
    };
    /* The thing is ours, so EPERM means that the file system knows no such modes (vfat). */
    if (fchmod(fd, mode & 0777) < 0 && errno != EPERM)
        return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}
