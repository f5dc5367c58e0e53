#include "guest/tree_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "guest/tree.h"
#include "guest/tree_path.h"

enum {
    LISTING_SIZE = 64 * 1024,
    PENDING_MAX = 256 * 1024 * 1024, /* a hostile tree shall not take all memory */
};

struct walk {
    int root;
    dev_t device;
    pyro_tree_visitor *visit;
    void *userdata;
    char path[PYRO_TREE_PATH_MAX + 1]; /* of what is looked at */
    struct pyro_buffer pending;        /* a stack of directories that are still to be read */
    _Alignas(struct dirent) char listing[LISTING_SIZE];
};

/* On the stack, above the name. The path of the directory that it is in needs no copy: when its
 * turn comes, whatever lies above it on the stack has been in that directory too. */
struct pending {
    uint16_t parent_length, name_size;
};

enum pyro_tree_kind pyro_tree_kind_of(const struct stat *status)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return PYRO_TREE_FILE;
    case S_IFDIR:
        return PYRO_TREE_DIRECTORY;
    case S_IFLNK:
        return PYRO_TREE_SYMLINK;
    default:
        return PYRO_TREE_OTHER;
    }
}

static int fail(const struct walk *walk, const char *what, int error)
{
    return pyro_own_say("cannot %s %s: %s", what, *walk->path ? walk->path : ".", strerror(error));
}

static int push(struct walk *walk, size_t parent_length, const char *name)
{
    struct pending pending = {.parent_length = (uint16_t)parent_length,
                              .name_size = (uint16_t)(strlen(name) + 1)};
    int r = pyro_buffer_append(&walk->pending, name, pending.name_size);
    if (r == 0)
        r = pyro_buffer_append(&walk->pending, &pending, sizeof(pending));
    return r < 0 ? fail(walk, "remember", -r) : 0;
}

/* Sets walk->path to where `name` is; its length, or -1 after the line on stderr. */
static long enter(struct walk *walk, size_t parent_length, const char *name)
{
    size_t length = strlen(name), start = parent_length + (parent_length > 0);
    if (start + length > PYRO_TREE_PATH_MAX) {
        walk->path[parent_length] = '\0';
        return pyro_own_say("the path of %s in %s is longer than %d bytes", name, walk->path,
                            PYRO_TREE_PATH_MAX);
    }
    if (parent_length > 0)
        walk->path[parent_length] = '/';
    memcpy(walk->path + start, name, length + 1);
    return (long)(start + length);
}

/* The path's length, 0 when none is left: the root is not on the stack. */
static long pop(struct walk *walk)
{
    struct pending pending;
    struct pyro_buffer *stack = &walk->pending;
    if (stack->size == 0)
        return 0;
    stack->size -= sizeof(pending);
    memcpy(&pending, pyro_buffer_data(stack) + stack->size, sizeof(pending));
    stack->size -= pending.name_size;
    return enter(walk, pending.parent_length, (char *)pyro_buffer_data(stack) + stack->size);
}

static int look_at(struct walk *walk, int directory, size_t parent_length, const char *name)
{
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (enter(walk, parent_length, name) < 0)
        return -1;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return errno == ENOENT ? 0 : fail(walk, "look at", errno);
    struct pyro_tree_found found = {.directory = directory,
                                    .name = name,
                                    .path = walk->path,
                                    .status = &status,
                                    .kind = pyro_tree_kind_of(&status)};
    if (found.kind == PYRO_TREE_DIRECTORY && status.st_dev != walk->device)
        found.kind = PYRO_TREE_OTHER;
    int r = walk->visit(walk->userdata, &found);
    if (r == 0 && found.kind == PYRO_TREE_DIRECTORY)
        r = push(walk, parent_length, name);
    return r;
}

static int read_all(struct walk *walk, int directory, size_t length)
{
    for (;;) {
        long size = syscall(SYS_getdents64, directory, walk->listing, sizeof(walk->listing));
        if (size < 0 && errno != ENOENT) {
            walk->path[length] = '\0';
            return fail(walk, "read", errno);
        }
        if (size <= 0) /* ENOENT: it was removed */
            return 0;
        for (long at = 0; at < size;) {
            const struct dirent *entry = (const struct dirent *)(walk->listing + at);
            int r = look_at(walk, directory, length, entry->d_name);
            if (r != 0)
                return r;
            at += entry->d_reclen;
        }
    }
}

/* By its path from the root, so that no descriptors of its parents need to stay open. */
static int read_directory(struct walk *walk, size_t length)
{
    cleanup_close int fd =
        pyro_tree_open_directory(walk->root, walk->path, PYRO_TREE_REFUSE_SYMLINKS);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
        return 0; /* it is not there any more */
    return fd < 0 ? fail(walk, "open", -fd) : read_all(walk, fd, length);
}

int pyro_tree_walk(int root, pyro_tree_visitor *visit, void *userdata)
{
    struct walk walk = {.root = root, .visit = visit, .userdata = userdata};
    struct stat status;
    long length = 0;
    if (fstat(root, &status) < 0)
        return fail(&walk, "look at", errno);
    walk.device = status.st_dev;
    pyro_buffer_init(&walk.pending, PENDING_MAX);
    int r;
    do {
        r = read_directory(&walk, (size_t)length);
        if (r == 0)
            length = pop(&walk);
    } while (r == 0 && length > 0);
    pyro_buffer_finish(&walk.pending);
    return r != 0 ? r : (int)length;
}
