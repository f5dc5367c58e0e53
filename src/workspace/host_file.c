#include "workspace/host_file.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"

void pyro_host_file_begin(struct pyro_host_file *file, int fd, const struct stat *status)
{
    file->fd = fd;
    file->status = *status;
    file->at = file->end = 0;
}

void pyro_host_file_close(struct pyro_host_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* Where data or a hole is from `offset` on; the file's end when there is none, or when the file
 * system does not know. */
static int64_t seek(const struct pyro_host_file *file, uint64_t offset, int whence)
{
    off_t found = lseek(file->fd, (off_t)offset, whence);
    if (found < 0 && whence == SEEK_DATA && errno == EINVAL)
        return (int64_t)offset; /* holes are not known here: all of it is data */
    if (found < 0 && (errno == ENXIO || errno == EINVAL))
        return file->status.st_size;
    return found < 0 ? -errno : MIN(found, file->status.st_size);
}

/* Finds the next run of data; at the end of the file, an empty one. */
static int find_run(struct pyro_host_file *file)
{
    const struct stat *status = &file->status;
    bool has_holes = status->st_blocks < status->st_size / 512;
    file->end = (uint64_t)status->st_size;
    if (!has_holes || file->at == file->end)
        return 0;
    int64_t start = seek(file, file->at, SEEK_DATA);
    int64_t end = start < 0 ? start : seek(file, (uint64_t)start, SEEK_HOLE);
    if (end < 0)
        return (int)end;
    if (end <= start && start < status->st_size) /* data that is gone already */
        return -ESTALE;
    file->at = (uint64_t)start;
    file->end = (uint64_t)end;
    return 0;
}

long pyro_host_file_read(struct pyro_host_file *file, uint64_t *ret_offset)
{
    int r = file->at == file->end ? find_run(file) : 0;
    if (r < 0 || file->at == file->end)
        return r;
    ssize_t got;
    do
        got = pread(file->fd, file->bytes, MIN(file->end - file->at, sizeof(file->bytes)),
                    (off_t)file->at);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -errno : -ESTALE; /* it was cut */
    *ret_offset = file->at;
    file->at += (uint64_t)got;
    return got;
}

int pyro_host_file_check(const struct pyro_host_file *file)
{
    struct stat now;
    if (fstat(file->fd, &now) < 0)
        return -errno;
    return pyro_host_file_is_same(&file->status, &now) ? 0 : -ESTALE;
}

bool pyro_host_file_is_same(const struct stat *before, const struct stat *after)
{
    return before->st_dev == after->st_dev && before->st_ino == after->st_ino &&
           before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec &&
           before->st_ctim.tv_sec == after->st_ctim.tv_sec &&
           before->st_ctim.tv_nsec == after->st_ctim.tv_nsec;
}
