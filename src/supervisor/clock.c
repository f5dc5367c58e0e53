/* Keeps the guest's wall clock right. It is set with the identity and then runs by itself, on the
 * clock that stands still while the host sleeps; and a host's own clock is corrected now and then.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "supervisor/supervisor.h"

enum {
    JUMP_NS = 100 * 1000 * 1000, /* less is drift, or a clock being slewed */
    LATE_US = 20 * 1000,
};

/* Changes when the wall clock is set and when the host slept, else hardly. */
static int64_t host_offset_ns(void)
{
    return (int64_t)pyro_clock_ns(CLOCK_REALTIME) - (int64_t)pyro_clock_ns(CLOCK_MONOTONIC);
}

static void send(struct supervisor *supervisor, enum pyro_clock_mode mode)
{
    const struct pyro_clock clock = {.realtime_ns = pyro_clock_ns(CLOCK_REALTIME), .mode = mode};
    pyro_clock_pack(&supervisor->guest_out, &clock);
}

void clock_note(struct supervisor *supervisor)
{
    supervisor->clock_offset_ns = host_offset_ns();
    supervisor->clock_told_us = pyro_now_us();
}

void clock_confirm(struct supervisor *supervisor)
{
    if (pyro_now_us() - supervisor->clock_told_us > LATE_US)
        send(supervisor, PYRO_CLOCK_STEP);
}

void clock_check(struct supervisor *supervisor)
{
    if (supervisor->state != STATE_RUNNING)
        return;
    int64_t offset = host_offset_ns();
    if (llabs(offset - supervisor->clock_offset_ns) <= JUMP_NS)
        return;
    supervisor->clock_offset_ns = offset;
    send(supervisor, PYRO_CLOCK_STEP);
    guest_flush(supervisor);
}

void clock_adjust(struct supervisor *supervisor)
{
    clock_check(supervisor);
    if (supervisor->state != STATE_RUNNING)
        return;
    send(supervisor, PYRO_CLOCK_ADJUST);
    guest_flush(supervisor);
}

/* The kernel cancels a timer on the wall clock when that jumps, a wake-up included. */
static void arm(int fd)
{
    const struct itimerspec never = {.it_value.tv_sec = INT64_MAX};
    timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void jumped(struct pyro_source *source, uint32_t events)
{
    uint64_t ignored;
    (void)events;
    if (read(source->fd, &ignored, sizeof(ignored)) < 0 && errno != ECANCELED)
        return;
    arm(source->fd);
    clock_check(source->userdata);
}

int clock_watch(struct supervisor *supervisor)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    arm(fd);
    return pyro_source_add(&supervisor->loop, &supervisor->clock, fd, EPOLLIN, jumped, supervisor);
}
