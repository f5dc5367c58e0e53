/* Threads of a front that lives long. Conditions count time by pyro_now_ms(). */
#ifndef PYRO_BASE_THREAD_H
#define PYRO_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread that no signal interrupts: those are for whoever started it. 0 or a negative
 * errno. */
int pyro_thread_start(pthread_t *ret_thread, void *(*run)(void *userdata), void *userdata);

void pyro_condition_init(pthread_cond_t *condition);
/* Waits for a change, at most until then. False when the time is over. */
bool pyro_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t end_ms);

#endif
