#include "guest/tree_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

enum { DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int open_at_once(int root, const char *path, enum pyro_tree_symlinks symlinks)
{
    enum { TRIES = 100 };
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                   (symlinks == PYRO_TREE_STAY_BENEATH ? 0 : RESOLVE_NO_SYMLINKS),
    };
    /* EAGAIN: something was renamed while ".." of a symlink was looked up. */
    for (int i = 0; i < TRIES; i++) {
        int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            return fd < 0 ? -errno : fd;
    }
    return -EAGAIN;
}

static int open_by_steps(int root, const char *path)
{
    cleanup_close int fd = openat(root, ".", DIRECTORY_FLAGS);
    while (fd >= 0 && *path) {
        char name[PYRO_TREE_NAME_MAX + 1];
        size_t length = strcspn(path, "/");
        *(char *)mempcpy(name, path, length) = '\0';
        int next = openat(fd, name, DIRECTORY_FLAGS);
        if (next < 0)
            return -errno;
        close(fd);
        fd = next;
        path += length + (path[length] == '/');
    }
    return fd < 0 ? -errno : steal_fd(&fd);
}

int pyro_tree_open_directory(int root, const char *path, enum pyro_tree_symlinks symlinks)
{
    int fd = open_at_once(root, *path ? path : ".", symlinks);
    return fd == -ENOSYS ? open_by_steps(root, path) : fd;
}

const char *pyro_tree_split(const char *path, size_t *ret_parent_length)
{
    const char *slash = strrchr(path, '/');
    *ret_parent_length = slash ? (size_t)(slash - path) : 0;
    return slash ? slash + 1 : path;
}

void pyro_tree_parent_init(struct pyro_tree_parent *parent, int root)
{
    parent->root = root;
    parent->fd = -1;
}

void pyro_tree_parent_finish(struct pyro_tree_parent *parent)
{
    if (parent->fd >= 0)
        close(steal_fd(&parent->fd));
}

int pyro_tree_parent_of(struct pyro_tree_parent *parent, const char *path, const char **ret_name)
{
    size_t length;
    *ret_name = pyro_tree_split(path, &length);
    if (length == 0)
        return parent->root;
    if (parent->fd >= 0 && parent->length == length && memcmp(parent->path, path, length) == 0)
        return parent->fd;
    pyro_tree_parent_finish(parent);
    *(char *)mempcpy(parent->path, path, length) = '\0';
    parent->length = length;
    int fd = pyro_tree_open_directory(parent->root, parent->path, PYRO_TREE_REFUSE_SYMLINKS);
    if (fd >= 0)
        parent->fd = fd;
    return fd;
}
