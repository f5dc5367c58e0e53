/* Finds the last lines of a log. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"
#include "supervisor/log.h"
#include "supervisor/log_segment.h"

/* Looks backward for line breaks. Returns 1 when the last of `lines` was found, 0 when not, or a
 * negative errno. `is_last` says that the log's last byte is still to come: it ends a line that
 * counts, so it begins none. */
static int find_in_segment(int fd, uint64_t size, uint64_t *lines, bool *is_last,
                           uint64_t *ret_offset)
{
    char block[LOG_BLOCK];
    for (uint64_t start, end = size; end > 0; end = start) {
        start = end - MIN(end, (uint64_t)LOG_BLOCK);
        long got = log_segment_read(fd, block, (size_t)(end - start), start);
        if (got <= 0)
            return (int)got;
        size_t left_size = (size_t)got;
        if (*is_last && block[left_size - 1] == '\n')
            left_size--;
        *is_last = false;
        const char *found;
        while ((found = memrchr(block, '\n', left_size))) {
            left_size = (size_t)(found - block);
            if (--*lines == 0) {
                *ret_offset = start + left_size + 1;
                return 1;
            }
        }
    }
    return 0;
}

static int find_listed(int directory, const char *name, const struct log_segments *segments,
                       uint64_t lines, uint64_t *ret_position, uint64_t *ret_end)
{
    bool is_last = true;
    uint64_t next = UINT64_MAX;
    for (size_t i = segments->count; i-- > 0; next = segments->positions[i]) {
        uint64_t size, offset, position = segments->positions[i];
        cleanup_close int fd = log_segment_open(directory, name, position, &size);
        if (fd == -ENOENT) /* all before it went earlier */
            return next == UINT64_MAX ? -EAGAIN : 0;
        if (fd < 0)
            return fd;
        size = MIN(size, next - position);
        if (next == UINT64_MAX)
            *ret_end = position + size;
        if (lines == 0) {
            *ret_position = position + size;
            return 0;
        }
        int r = find_in_segment(fd, size, &lines, &is_last, &offset);
        *ret_position = position + (r > 0 ? offset : 0);
        if (r != 0)
            return MIN(r, 0);
    }
    return 0;
}

int pyro_log_find_tail(int directory, const char *name, uint64_t lines, uint64_t *ret_position,
                       uint64_t *ret_end)
{
    *ret_position = *ret_end = 0;
    for (int i = 0; i < LOG_TRIES_MOST; i++) {
        struct log_segments segments;
        int r = log_segments_list(directory, name, &segments);
        if (r == 0)
            r = find_listed(directory, name, &segments, lines, ret_position, ret_end);
        if (r != -EAGAIN)
            return r;
    }
    return -EAGAIN;
}
