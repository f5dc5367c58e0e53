/* Removing trees that a guest made. One may be two thousand directories deep, which a walk with a
 * descriptor for each would not survive, and its directories may forbid everything to their owner.
 * So each directory that is found further down is first moved up to the top: there are never more
 * than two levels to look at. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/text.h"
#include "workspace/sink_parts.h"

bool pyro_sink_is_mount(int directory, const char *name)
{
    struct statx look;
    struct stat inner, outer;
    if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &look) == 0 &&
        (look.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
        return look.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    /* Kernels before 5.8 cannot tell a bind mount of the same file system. */
    return fstatat(directory, name, &inner, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(directory, &outer) == 0 && inner.st_dev != outer.st_dev;
}

/* Lets its owner do everything in a directory; where that cannot be, the next step says so. The
 * mode is changed through the descriptor, whatever has the directory's name by then. */
static void make_accessible(int directory)
{
    struct stat status;
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
    if (fstat(directory, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
        (void)!chmod(path, S_IRWXU);
}

/* A descriptor of a directory that can be read and changed. */
static int open_accessible(int parent, const char *name)
{
    cleanup_close int found = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (found < 0)
        return -errno;
    if (pyro_sink_is_mount(parent, name))
        return -EBUSY;
    make_accessible(found);
    int fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* 1 when it was something else than a directory and is gone, 0 when it is a directory. */
static int unlink_other(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 1;
    return errno == EISDIR || errno == EPERM ? 0 : -errno;
}

/* What is done with each name of a directory. 0 or a negative errno. */
struct visit {
    int (*each)(struct visit *visit, int directory, const char *name);
    int top;        /* the directory that all are moved up to */
    unsigned moved; /* how many were */
};

static int visit_names(struct visit *visit, int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        int r = -errno;
        pyro_cleanup_close(&copy);
        return r;
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = visit->each(visit, directory, entry->d_name);
    }
    closedir(stream);
    return r;
}

/* To any name that is free at the top. */
static int move_up(struct visit *visit, int directory, const char *name)
{
    /* A directory that cannot be written to cannot be moved either: its ".." changes. */
    cleanup_close int moving = open_accessible(directory, name);
    if (moving < 0)
        return moving;
    for (;;) {
        char at_top[32];
        snprintf(at_top, sizeof(at_top), "pyro-%u", visit->moved++);
        if (renameat(directory, name, visit->top, at_top) == 0)
            return 0;
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            return -errno;
    }
}

static int clear_lower(struct visit *visit, int directory, const char *name)
{
    int r = unlink_other(directory, name);
    return r == 0 ? move_up(visit, directory, name) : MIN(r, 0);
}

static int clear_top(struct visit *visit, int directory, const char *name)
{
    int r = unlink_other(directory, name);
    if (r != 0)
        return MIN(r, 0);
    cleanup_close int lower = open_accessible(directory, name);
    if (lower < 0)
        return lower;
    struct visit below = {.each = clear_lower, .top = directory, .moved = visit->moved};
    r = visit_names(&below, lower);
    visit->moved = below.moved;
    return r == 0 && unlinkat(directory, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

int pyro_sink_remove_content(int directory)
{
    struct visit visit = {.each = clear_top};
    unsigned before;
    int r;
    do { /* what was moved up while the top was read may not have been seen there */
        before = visit.moved;
        r = visit_names(&visit, directory);
    } while (r == 0 && visit.moved > before);
    return r;
}

int pyro_sink_remove_at(int directory, const char *name)
{
    int r = unlink_other(directory, name);
    if (r != 0)
        return MIN(r, 0);
    cleanup_close int top = open_accessible(directory, name);
    if (top < 0)
        return top;
    r = pyro_sink_remove_content(top);
    return r == 0 && unlinkat(directory, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

/* ---- asking before ---- */

/* The owner of a directory can always give himself leave. */
static bool can_change(const FTSENT *directory)
{
    return geteuid() == 0 || directory->fts_statp->st_uid == geteuid() ||
           faccessat(AT_FDCWD, directory->fts_accpath, W_OK | X_OK, AT_EACCESS) == 0;
}

static int check_one(FTSENT *entry)
{
    if (entry->fts_info == FTS_D) {
        entry->fts_number = can_change(entry) ? 0 : -EACCES;
        if (pyro_sink_is_mount(AT_FDCWD, entry->fts_accpath))
            return -EBUSY;
    }
    /* It goes when its directory can be changed; an empty one needs no leave of its own. */
    return entry->fts_level > FTS_ROOTLEVEL ? (int)entry->fts_parent->fts_number : 0;
}

int pyro_sink_can_remove(int directory, const char *name)
{
    cleanup_free char *path = pyro_text_format("/proc/self/fd/%d/%s", directory, name);
    if (!path)
        return -ENOMEM;
    FTS *walk = fts_open((char *[]){path, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return -errno;
    int r = 0;
    for (FTSENT *entry; r == 0 && (entry = fts_read(walk));)
        r = check_one(entry);
    fts_close(walk);
    return r;
}
