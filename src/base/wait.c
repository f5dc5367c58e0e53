#include "base/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macros.h"

bool pyro_fd_is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}

/* As much as goes in without waiting, where the kernel can be asked for that. */
static ssize_t write_at_once(int fd, const char *bytes, size_t size)
{
    const struct iovec part = {.iov_base = (char *)bytes, .iov_len = size};
    return pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
}

/* 0 when it takes something, -ECANCELED, or another negative errno. */
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
    return polled[0].revents ? 0 : -ECANCELED;
}

/* A pipe that is ready takes PIPE_BUF bytes at once; more than that could block for as long as its
 * reader likes, and a file is always ready. */
static size_t ready_size(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? 1024 * 1024 : PIPE_BUF;
}

static ssize_t write_some(int fd, const char *bytes, size_t size, int stop_fd)
{
    ssize_t put = write_at_once(fd, bytes, size);
    if (put >= 0)
        return put;
    int r = wait_writable(fd, stop_fd);
    if (r < 0)
        return r;
    put = write(fd, bytes, MIN(size, ready_size(fd)));
    if (put >= 0)
        return put;
    return errno == EINTR || errno == EAGAIN ? 0 : -errno;
}

int pyro_fd_write_patiently(int fd, const void *bytes, size_t size, int stop_fd)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t put = write_some(fd, at, size, stop_fd);
        if (put < 0)
            return (int)put;
        at += put;
        size -= (size_t)put;
    }
    return 0;
}
