/* A small event loop: epoll, deadlines, and signals through a descriptor. Shared by the supervisor,
 * the clients and the guest agent. One loop, one thread. */
#ifndef PYRO_BASE_LOOP_H
#define PYRO_BASE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct pyro_loop;
struct pyro_source;
struct pyro_timer;

typedef void (*pyro_source_callback)(struct pyro_source *source, uint32_t events);
typedef void (*pyro_timer_callback)(struct pyro_timer *timer);

/* A watched descriptor, embedded in what owns it. The loop does not own the descriptor. */
struct pyro_source {
    struct pyro_loop *loop; /* NULL while not watched */
    int fd;
    uint32_t events; /* EPOLLIN | EPOLLOUT */
    pyro_source_callback callback;
    void *userdata;
};

/* One deadline on the monotonic clock, embedded in what owns it. Fires once. */
struct pyro_timer {
    struct pyro_loop *loop; /* NULL while not armed */
    uint64_t deadline_us;
    pyro_timer_callback callback;
    void *userdata;
    struct pyro_timer *next;
};

enum { PYRO_LOOP_BATCH = 32 };

struct pyro_loop {
    int epoll;
    bool stopped;
    struct pyro_timer *timers; /* sorted, earliest first */
    /* Sources whose events of this round are not yet delivered; a removed one is set to NULL. */
    struct pyro_source *pending[PYRO_LOOP_BATCH];
};

/* Returns 0 or a negative errno. */
int pyro_loop_init(struct pyro_loop *loop);
void pyro_loop_finish(struct pyro_loop *loop);

/* Watches `fd`. The source must stay where it is until it is removed. 0 or a negative errno. */
int pyro_source_add(struct pyro_loop *loop, struct pyro_source *source, int fd, uint32_t events,
                    pyro_source_callback callback, void *userdata);
/* Changes what is waited for; no system call when nothing changes. */
void pyro_source_set(struct pyro_source *source, uint32_t events);
/* Safe in any callback, also for another source that has events in this round, and twice. */
void pyro_source_remove(struct pyro_source *source);

/* Arms or re-arms a timer. */
void pyro_timer_start(struct pyro_loop *loop, struct pyro_timer *timer, uint64_t delay_ms,
                      pyro_timer_callback callback, void *userdata);
void pyro_timer_stop(struct pyro_timer *timer);

/* Waits for events and delivers them. `timeout_ms` -1 waits for ever (timers still fire). Returns
 * the number of callbacks made, or a negative errno. */
int pyro_loop_turn(struct pyro_loop *loop, int timeout_ms);
/* Turns until pyro_loop_stop(). */
int pyro_loop_run(struct pyro_loop *loop);
void pyro_loop_stop(struct pyro_loop *loop);

/* Blocks the signals and returns a signalfd for them, or a negative errno. `signals` ends with 0.
 */
int pyro_signal_open(const int *signals);

#endif
