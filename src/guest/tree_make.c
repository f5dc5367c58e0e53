#include "guest/tree_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "guest/tree_stream.h"

/* Makes something new of `what`: 0 (or a descriptor), -EEXIST, or another negative errno. */
typedef int maker(int directory, const char *name, const void *what);

/* Under a name that nothing else has. */
static int make_beside(int directory, maker *make, const void *what, char *ret_name, size_t size)
{
    enum { TRIES = 1000 };
    static unsigned number;
    int r = -EEXIST;
    for (int i = 0; i < TRIES && r == -EEXIST; i++) {
        snprintf(ret_name, size, ".pyro-%d-%u", (int)getpid(), ++number);
        r = make(directory, ret_name, what);
    }
    return r;
}

static int move_over(const struct pyro_tree_place *place, const char *temporary)
{
    int r = renameat(place->directory, temporary, place->directory, place->name) < 0 ? -errno : 0;
    /* It is still there after a success, too, when both were names of one file. */
    unlinkat(place->directory, temporary, 0);
    return r;
}

static int make(const struct pyro_tree_place *place, maker *make_new, const void *what)
{
    char temporary[32];
    int r = make_new(place->directory, place->name, what);
    if (r != -EEXIST || !place->merge)
        return r;
    r = make_beside(place->directory, make_new, what, temporary, sizeof(temporary));
    return r < 0 ? r : move_over(place, temporary);
}

int pyro_tree_make_directory(const struct pyro_tree_place *place, uint32_t mode)
{
    struct stat status;
    if (mkdirat(place->directory, place->name, mode | S_IRWXU) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(place->directory, place->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

struct symlink {
    const char *target;
    int64_t mtime_ns;
};

static int make_symlink(int directory, const char *name, const void *what)
{
    const struct symlink *symlink = what;
    struct timespec times[2];
    pyro_tree_mtime(symlink->mtime_ns, times);
    if (symlinkat(symlink->target, directory, name) < 0)
        return -errno;
    if (utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int r = -errno;
    unlinkat(directory, name, 0);
    return r;
}

int pyro_tree_make_symlink(const struct pyro_tree_place *place, const char *target,
                           int64_t mtime_ns)
{
    return make(place, make_symlink, &(struct symlink){.target = target, .mtime_ns = mtime_ns});
}

struct link {
    int directory;
    const char *name;
};

static int make_link(int directory, const char *name, const void *what)
{
    const struct link *link = what;
    return linkat(link->directory, link->name, directory, name, 0) < 0 ? -errno : 0;
}

int pyro_tree_make_link(const struct pyro_tree_place *place, int target_directory,
                        const char *target)
{
    return make(place, make_link, &(struct link){.directory = target_directory, .name = target});
}

static int make_file(int directory, const char *name, const void *what)
{
    mode_t mode = *(const uint32_t *)what;
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}

/* Gives a file its first name. The short way needs a capability that init's children have. */
static int name_file(int directory, const char *name, const void *what)
{
    int fd = *(const int *)what;
    char path[40];
    if (linkat(fd, "", directory, name, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != ENOENT && errno != EPERM)
        return -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Without a name, so that the kernel removes it if we are killed; under a temporary one where the
 * file system cannot do that. */
static int open_hidden(struct pyro_tree_file *file)
{
    int fd = openat(file->place.directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, file->mode);
    if (fd >= 0)
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return -errno;
    fd = make_beside(file->place.directory, make_file, &file->mode, file->temporary,
                     sizeof(file->temporary));
    if (fd < 0)
        file->temporary[0] = '\0';
    return fd;
}

int pyro_tree_file_begin(struct pyro_tree_file *file, const struct pyro_tree_place *place,
                         const struct pyro_tree_entry *entry)
{
    file->place = *place;
    file->place.name = strcpy(file->name, place->name);
    file->temporary[0] = '\0';
    file->mtime_ns = entry->mtime_ns;
    file->mode = entry->mode;
    int fd =
        place->merge ? open_hidden(file) : make_file(place->directory, place->name, &file->mode);
    file->fd = MAX(fd, -1);
    pyro_tree_content_begin(&file->content, fd, entry->size);
    return MIN(fd, 0);
}

static int complete(struct pyro_tree_file *file)
{
    struct timespec times[2];
    pyro_tree_mtime(file->mtime_ns, times);
    int r = pyro_tree_content_end(&file->content);
    if (r == 0 && futimens(file->fd, times) < 0)
        r = -errno;
    return r;
}

static int show(struct pyro_tree_file *file)
{
    if (!file->place.merge)
        return 0;
    if (!file->temporary[0])
        return make(&file->place, name_file, &file->fd);
    int r = move_over(&file->place, file->temporary);
    file->temporary[0] = '\0';
    return r;
}

/* A default ACL of the directory may have taken something from the mode. */
static int look(const struct pyro_tree_file *file, struct stat *ret_status)
{
    if (fstat(file->fd, ret_status) < 0)
        return -errno;
    if ((ret_status->st_mode & PYRO_TREE_MODE_MASK) == file->mode)
        return 0;
    return fchmod(file->fd, file->mode) < 0 || fstat(file->fd, ret_status) < 0 ? -errno : 0;
}

int pyro_tree_file_end(struct pyro_tree_file *file, struct stat *ret_status)
{
    int r = complete(file);
    if (r == 0)
        r = show(file);
    if (r == 0)
        r = look(file, ret_status);
    if (r == 0)
        close(steal_fd(&file->fd));
    else
        pyro_tree_file_drop(file);
    return r;
}

void pyro_tree_file_drop(struct pyro_tree_file *file)
{
    if (file->fd < 0)
        return;
    close(steal_fd(&file->fd));
    if (!file->place.merge)
        unlinkat(file->place.directory, file->name, 0);
    else if (file->temporary[0])
        unlinkat(file->place.directory, file->temporary, 0);
}
