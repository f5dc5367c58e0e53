#include "mcp/lines.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macros.h"

enum {
    READ_SIZE = 64 * 1024,
    KEPT_SIZE = 1024 * 1024, /* a larger buffer is given back when it is empty */
};

void pyro_mcp_lines_init(struct pyro_mcp_lines *lines, size_t longest)
{
    *lines = (struct pyro_mcp_lines){0};
    pyro_buffer_init(&lines->buffer, longest + READ_SIZE);
}

void pyro_mcp_lines_finish(struct pyro_mcp_lines *lines)
{
    pyro_buffer_finish(&lines->buffer);
}

long pyro_mcp_lines_read(struct pyro_mcp_lines *lines, int fd)
{
    if (lines->buffer.size == 0 && lines->buffer.capacity > KEPT_SIZE)
        pyro_buffer_finish(&lines->buffer);
    return pyro_buffer_read(&lines->buffer, fd, READ_SIZE);
}

static void drop(struct pyro_mcp_lines *lines, size_t size)
{
    pyro_buffer_consume(&lines->buffer, size);
    lines->looked_at = 0;
}

/* No newline yet. One that is longer than it may be is not kept, whatever is still to come of it.
 */
static int wait_for_more(struct pyro_mcp_lines *lines)
{
    struct pyro_buffer *buffer = &lines->buffer;
    lines->looked_at = buffer->size;
    if (!lines->skipping && pyro_buffer_room(buffer) >= READ_SIZE)
        return 0;
    lines->skipping = true;
    drop(lines, buffer->size);
    return 0;
}

int pyro_mcp_lines_next(struct pyro_mcp_lines *lines, const char **ret_line, size_t *ret_size)
{
    struct pyro_buffer *buffer = &lines->buffer;
    const char *line = (const char *)pyro_buffer_data(buffer);
    size_t left = buffer->size - lines->looked_at;
    const char *end = left > 0 ? memchr(line + lines->looked_at, '\n', left) : NULL;
    if (!end)
        return wait_for_more(lines);
    bool skipped = lines->skipping;
    lines->skipping = false;
    drop(lines, (size_t)(end - line) + 1); /* the bytes stay where they are until the next read */
    if (skipped)
        return -EMSGSIZE;
    *ret_line = line;
    *ret_size = (size_t)(end - line);
    if (*ret_size > 0 && line[*ret_size - 1] == '\r')
        --*ret_size;
    return 1;
}

/* Waits until `fd` takes something, or it is time to stop. */
static int wait_writable(int fd, int stop_fd)
{
    struct pollfd polled[] = {
        {.fd = fd, .events = POLLOUT},
        {.fd = stop_fd, .events = POLLIN},
    };
    while (poll(polled, ARRAY_SIZE(polled), -1) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return polled[0].revents == 0 ? -ECANCELED : 0;
}

/* As much as goes in without waiting, where the kernel can be asked for that: others may have the
 * descriptor open too, so it stays a blocking one. */
static ssize_t write_some(int fd, const char *bytes, size_t size)
{
    const struct iovec part = {.iov_base = (char *)bytes, .iov_len = size};
    return pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
}

/* Waits first. A pipe that is ready takes PIPE_BUF bytes at once; more than that could block. */
static ssize_t write_ready(int fd, int stop_fd, const char *bytes, size_t size)
{
    int r = wait_writable(fd, stop_fd);
    if (r < 0) {
        errno = -r;
        return -1;
    }
    return write(fd, bytes, MIN(size, (size_t)PIPE_BUF));
}

int pyro_mcp_write(int fd, int stop_fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write_some(fd, bytes, size);
        if (put < 0 && errno != EINTR)
            put = write_ready(fd, stop_fd, bytes, size);
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (put > 0) {
            bytes += put;
            size -= (size_t)put;
        }
    }
    return 0;
}
