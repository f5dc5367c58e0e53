#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int pyro_thread_start(pthread_t *ret_thread, void *(*run)(void *userdata), void *userdata)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(ret_thread, NULL, run, userdata);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

void pyro_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool pyro_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t end_ms)
{
    const struct timespec end = {.tv_sec = (time_t)(end_ms / 1000),
                                 .tv_nsec = (long)(end_ms % 1000) * 1000000};
    return pthread_cond_timedwait(condition, lock, &end) != ETIMEDOUT;
}
