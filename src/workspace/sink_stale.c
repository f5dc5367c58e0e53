/* What sinks for the same goal have left behind when they were killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

static bool is_ours(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && strlen(name + length) == PYRO_SINK_RANDOM &&
           strspn(name + length, PYRO_SINK_LETTERS) == PYRO_SINK_RANDOM;
}

static bool has_name(int fd, int directory, const char *name)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static void remove_one(int directory, const char *name)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_uid != geteuid() ||
        !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return;
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    /* Whoever makes one locks it and then looks whether it still has its name. */
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !has_name(fd, directory, name) ||
        pyro_sink_is_mount(directory, name))
        return;
    if (S_ISREG(status.st_mode))
        unlinkat(directory, name, 0);
    else if (pyro_sink_remove_content(fd) == 0)
        unlinkat(directory, name, AT_REMOVEDIR);
}

void pyro_sink_stale_remove(int directory, const char *prefix)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) { /* it may be writable and not readable */
        pyro_cleanup_close(&copy);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (is_ours(entry->d_name, prefix))
            remove_one(directory, entry->d_name);
    }
    closedir(stream);
}
