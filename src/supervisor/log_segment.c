#include "supervisor/log_segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"

enum { POSITION_DIGITS = 20, GETDENTS_BYTES = 16 * 1024 };

struct log_file_name log_segment_name(const char *name, uint64_t position)
{
    struct log_file_name file;
    snprintf(file.text, sizeof(file.text), "%s.%020" PRIu64, name, position);
    return file;
}

/* Above INT64_MAX is no position: it would not pass through JSON, and could overflow with a size
 * added. */
static bool parse(const char *file, const char *name, uint64_t *ret_position)
{
    size_t length = strlen(name);
    if (strncmp(file, name, length) != 0 || file[length] != '.')
        return false;
    const char *digits = file + length + 1;
    if (strlen(digits) != POSITION_DIGITS || strspn(digits, "0123456789") != POSITION_DIGITS)
        return false;
    errno = 0;
    *ret_position = strtoull(digits, NULL, 10);
    return errno == 0 && *ret_position <= INT64_MAX;
}

static void insert(struct log_segments *segments, uint64_t position)
{
    size_t at = segments->count;
    while (at > 0 && segments->positions[at - 1] > position)
        at--;
    if (at > 0 && segments->positions[at - 1] == position)
        return; /* a directory that changes while it is read may tell a name twice */
    uint64_t *positions = segments->positions;
    if (segments->count < LOG_SEGMENTS_LISTED) {
        memmove(positions + at + 1, positions + at, (segments->count - at) * sizeof(*positions));
        segments->count++;
    } else if (at > 0) { /* the oldest gives way */
        memmove(positions, positions + 1, --at * sizeof(*positions));
    } else {
        return;
    }
    positions[at] = position;
}

static void insert_names(struct log_segments *segments, const char *name, const uint8_t *bytes,
                         size_t size)
{
    const struct dirent64 *entry;
    for (size_t at = 0; at < size; at += entry->d_reclen) {
        uint64_t position;
        entry = (const struct dirent64 *)(bytes + at);
        bool may_be_file = entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
        if (may_be_file && parse(entry->d_name, name, &position))
            insert(segments, position);
    }
}

int log_segments_list(int directory, const char *name, struct log_segments *ret_segments)
{
    _Alignas(struct dirent64) uint8_t bytes[GETDENTS_BYTES];
    ret_segments->count = 0;
    /* Its own, since a descriptor's copies share one offset. */
    cleanup_close int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = getdents64(fd, bytes, sizeof(bytes));
        if (got <= 0)
            return got < 0 ? -errno : 0;
        insert_names(ret_segments, name, bytes, (size_t)got);
    }
}

int log_segment_open(int directory, const char *name, uint64_t position, uint64_t *ret_size)
{
    struct log_file_name file = log_segment_name(name, position);
    /* Not blocking, for it could be a FIFO by now. */
    cleanup_close int fd =
        openat(directory, file.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? -ENOENT : -errno;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ENOENT;
    *ret_size = MIN((uint64_t)status.st_size, (uint64_t)LOG_SEGMENT_CAP);
    return steal_fd(&fd);
}

long log_segment_read(int fd, void *bytes, size_t size, uint64_t offset)
{
    for (;;) {
        ssize_t got = pread(fd, bytes, size, (off_t)offset);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return -errno;
    }
}
