#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

int pyro_fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int pyro_fd_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int pyro_fd_write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

int pyro_fd_write_all_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t put = pwrite(fd, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        at += put;
        size -= (size_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

int pyro_fd_read_all(int fd, size_t cap, char **ret_text, size_t *ret_size)
{
    size_t size = 0, capacity = 4096;
    cleanup_free char *text = malloc(capacity);
    if (!text)
        return -ENOMEM;
    for (;;) {
        if (size + 1 == capacity) {
            char *larger = realloc(text, capacity * 2);
            if (!larger)
                return -ENOMEM;
            text = larger;
            capacity *= 2;
        }
        ssize_t got = read(fd, text + size, capacity - 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
        if (size > cap)
            return -EFBIG;
    }
    text[size] = '\0';
    if (ret_size)
        *ret_size = size;
    *ret_text = steal_pointer(&text);
    return 0;
}

int pyro_file_read_at(int directory, const char *path, size_t cap, char **ret_text,
                      size_t *ret_size)
{
    /* Non-blocking: somebody may have put a FIFO there. */
    cleanup_close int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : pyro_fd_read_all(fd, cap, ret_text, ret_size);
}

int pyro_file_replace_at(int directory, const char *path, const void *bytes, size_t size,
                         mode_t mode, int durable)
{
    cleanup_free char *beside = NULL;
    if (asprintf(&beside, "%s.new-%d", path, (int)gettid()) < 0) {
        beside = NULL;
        return -ENOMEM;
    }
    cleanup_close int fd =
        openat(directory, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -errno;
    int r = pyro_fd_write_all(fd, bytes, size);
    if (r == 0 && durable && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(directory, beside, directory, path) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(directory, beside, 0);
    return r;
}

/* Copies one run of data at `offset`; both files keep it at the same place. */
static int copy_run(int from, int to, off_t offset, off_t end)
{
    while (offset < end) {
        off_t in = offset, out = offset;
        ssize_t put = copy_file_range(from, &in, to, &out, (size_t)(end - offset), 0);
        if (put < 0 &&
            (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            char block[65536];
            put = pread(from, block, MIN(sizeof(block), (size_t)(end - offset)), offset);
            if (put > 0)
                put = pwrite(to, block, (size_t)put, offset);
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        if (put == 0)
            break;
        offset += put;
    }
    return 0;
}

static int copy_data(int from, int to)
{
    struct stat status;
    if (fstat(from, &status) < 0 || ftruncate(to, status.st_size) < 0)
        return -errno;
    off_t offset = 0;
    while (offset < status.st_size) {
        off_t data = lseek(from, offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        if (data < 0)
            data = offset; /* no SEEK_DATA here: all of it is data */
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            hole = status.st_size;
        int r = copy_run(from, to, data, hole);
        if (r < 0)
            return r;
        offset = hole;
    }
    return 0;
}

int pyro_file_copy_at(int from_directory, const char *from, int to_directory, const char *to,
                      mode_t mode)
{
    cleanup_close int in = openat(from_directory, from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return -errno;
    cleanup_close int out =
        openat(to_directory, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out < 0)
        return -errno;
    int r = copy_data(in, out);
    if (r < 0)
        unlinkat(to_directory, to, 0);
    return r;
}

int pyro_directory_make(const char *path)
{
    cleanup_free char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return -errno;
        if (end == '\0')
            break;
        *at = end;
    }
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

static int remove_children(int directory)
{
    DIR *stream = fdopendir(directory);
    if (!stream) {
        close(directory);
        return -errno;
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = pyro_tree_remove_at(dirfd(stream), entry->d_name);
    }
    closedir(stream);
    return r;
}

int pyro_tree_remove_at(int directory, const char *path)
{
    if (unlinkat(directory, path, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = remove_children(fd);
    if (r < 0)
        return r;
    if (unlinkat(directory, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}
