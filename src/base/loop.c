#include "base/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

int pyro_loop_init(struct pyro_loop *loop)
{
    *loop = (struct pyro_loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll < 0 ? -errno : 0;
}

void pyro_loop_finish(struct pyro_loop *loop)
{
    while (loop->timers)
        pyro_timer_stop(loop->timers);
    if (loop->epoll >= 0)
        close(loop->epoll);
    loop->epoll = -1;
}

int pyro_source_add(struct pyro_loop *loop, struct pyro_source *source, int fd, uint32_t events,
                    pyro_source_callback callback, void *userdata)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    *source = (struct pyro_source){
        .loop = loop, .fd = fd, .events = events, .callback = callback, .userdata = userdata};
    return 0;
}

void pyro_source_set(struct pyro_source *source, uint32_t events)
{
    if (!source->loop || source->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = source};
    epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
    source->events = events;
}

void pyro_source_remove(struct pyro_source *source)
{
    struct pyro_loop *loop = source->loop;
    if (!loop)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(loop->pending); i++) {
        if (loop->pending[i] == source)
            loop->pending[i] = NULL;
    }
    source->loop = NULL;
}

void pyro_timer_start(struct pyro_loop *loop, struct pyro_timer *timer, uint64_t delay_ms,
                      pyro_timer_callback callback, void *userdata)
{
    pyro_timer_stop(timer);
    *timer = (struct pyro_timer){.loop = loop,
                                 .deadline_us = pyro_now_us() + delay_ms * 1000,
                                 .callback = callback,
                                 .userdata = userdata};
    struct pyro_timer **at = &loop->timers;
    while (*at && (*at)->deadline_us <= timer->deadline_us)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

void pyro_timer_stop(struct pyro_timer *timer)
{
    if (!timer->loop)
        return;
    for (struct pyro_timer **at = &timer->loop->timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->loop = NULL;
}

/* Those that were due at `now`: what comes due while callbacks run waits for what can be read then,
 * which may be what it was to wait for. */
static int fire_timers(struct pyro_loop *loop, uint64_t now)
{
    int fired = 0;
    while (loop->timers && loop->timers->deadline_us <= now) {
        struct pyro_timer *timer = loop->timers;
        pyro_timer_stop(timer);
        timer->callback(timer);
        fired++;
    }
    return fired;
}

static int wait_ms(const struct pyro_loop *loop, int timeout_ms)
{
    if (!loop->timers)
        return timeout_ms;
    uint64_t now = pyro_now_us();
    uint64_t deadline = loop->timers->deadline_us;
    uint64_t ms = deadline <= now ? 0 : (deadline - now + 999) / 1000;
    int until_timer = (int)MIN(ms, (uint64_t)1 << 30);
    return timeout_ms < 0 ? until_timer : MIN(timeout_ms, until_timer);
}

int pyro_loop_turn(struct pyro_loop *loop, int timeout_ms)
{
    struct epoll_event events[PYRO_LOOP_BATCH];
    int count = epoll_wait(loop->epoll, events, PYRO_LOOP_BATCH, wait_ms(loop, timeout_ms));
    if (count < 0 && errno != EINTR)
        return -errno;
    uint64_t now = pyro_now_us();
    count = MAX(count, 0);
    for (int i = 0; i < count; i++)
        loop->pending[i] = events[i].data.ptr;
    for (int i = 0; i < count; i++) {
        struct pyro_source *source = loop->pending[i];
        loop->pending[i] = NULL;
        if (source)
            source->callback(source, events[i].events);
    }
    return count + fire_timers(loop, now);
}

int pyro_loop_run(struct pyro_loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int r = pyro_loop_turn(loop, -1);
        if (r < 0)
            return r;
    }
    return 0;
}

void pyro_loop_stop(struct pyro_loop *loop)
{
    loop->stopped = true;
}

int pyro_signal_open(const int *signals)
{
    sigset_t set;
    sigemptyset(&set);
    for (; *signals; signals++)
        sigaddset(&set, *signals);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}
