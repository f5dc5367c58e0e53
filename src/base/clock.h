/* Time: monotonic for durations and deadlines, wall clock for records. */
#ifndef PYRO_BASE_CLOCK_H
#define PYRO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t pyro_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Microseconds on the monotonic clock. */
static inline uint64_t pyro_now_us(void)
{
    return pyro_clock_ns(CLOCK_MONOTONIC) / 1000;
}

/* Milliseconds on the monotonic clock. */
static inline uint64_t pyro_now_ms(void)
{
    return pyro_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Epoch seconds. */
static inline double pyro_wall_seconds(void)
{
    return (double)pyro_clock_ns(CLOCK_REALTIME) / 1e9;
}

#endif
