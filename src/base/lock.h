/* Waiting for locks that other processes hold, for as long as what the thread does is wanted. */
#ifndef PYRO_BASE_LOCK_H
#define PYRO_BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* From now on this thread's waits end a moment after `cancel_fd` has become readable (-1: never):
 * what a cancelled operation has to put away gets locks that are only held for a moment, and leaves
 * the rest to whoever tidies up next. The value is for pyro_lock_patience_end(). */
int pyro_lock_patience_begin(int cancel_fd);
void pyro_lock_patience_end(const int *before);
#define cleanup_lock_patience __attribute__((cleanup(pyro_lock_patience_end), unused))

/* Whether this thread's operation is cancelled. */
bool pyro_lock_patience_is_over(void);

/* One wait; begins as all zeros. */
struct pyro_lock_wait {
    uint64_t cancelled_ms; /* when it was seen to be cancelled first, 0: it was not */
    unsigned step_ms;
};

/* Lets a little time pass before the lock is tried again. False: the wait is given up. */
bool pyro_lock_wait_step(struct pyro_lock_wait *wait);

/* flock(2). 0, -ECANCELED, or another negative errno; -EWOULDBLOCK with LOCK_NB only. */
int pyro_flock(int fd, int operation);

#endif
