#include "base/lock.h"

#include <errno.h>
#include <poll.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/wait.h"

enum {
    STEP_MAX_MS = 10,
    LAST_MOMENT_MS = 100, /* Ctrl-C is to be answered within twice that */
};

static _Thread_local int patience_fd = -1;

int pyro_lock_patience_begin(int cancel_fd)
{
    int before = patience_fd;
    patience_fd = cancel_fd;
    return before;
}

void pyro_lock_patience_end(const int *before)
{
    patience_fd = *before;
}

bool pyro_lock_patience_is_over(void)
{
    return pyro_fd_is_readable(patience_fd);
}

bool pyro_lock_wait_step(struct pyro_lock_wait *wait)
{
    bool is_cancelled = pyro_lock_patience_is_over();
    uint64_t now = pyro_now_ms();
    if (is_cancelled && wait->cancelled_ms && now - wait->cancelled_ms >= LAST_MOMENT_MS)
        return false;
    if (is_cancelled && !wait->cancelled_ms)
        wait->cancelled_ms = now;
    wait->step_ms = MIN(2 * wait->step_ms + 1, (unsigned)STEP_MAX_MS);
    struct pollfd cancelled = {.fd = is_cancelled ? -1 : patience_fd, .events = POLLIN};
    poll(&cancelled, 1, (int)wait->step_ms);
    return true;
}

int pyro_flock(int fd, int operation)
{
    struct pyro_lock_wait wait = {0};
    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK || operation & LOCK_NB)
            return -errno;
        if (!pyro_lock_wait_step(&wait))
            return -ECANCELED;
    }
    return 0;
}
