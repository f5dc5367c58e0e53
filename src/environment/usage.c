#include "environment/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t pyro_usage_at(int directory, const char *path)
{
    struct stat status;
    if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    uint64_t bytes = (uint64_t)status.st_blocks * 512;
    if (!S_ISDIR(status.st_mode))
        return bytes;
    int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        if (fd >= 0)
            close(fd);
        return bytes;
    }
    struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            bytes += pyro_usage_at(dirfd(stream), entry->d_name);
    }
    closedir(stream);
    return bytes;
}
