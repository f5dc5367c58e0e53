#include "guest/wallclock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "guest/console.h"

int pyro_wallclock_set(uint64_t realtime_ns)
{
    struct timespec now = {.tv_sec = (time_t)(realtime_ns / 1000000000u),
                           .tv_nsec = (long)(realtime_ns % 1000000000u)};
    return clock_settime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
}

/* Slews, so that no program sees time jump. A difference too large to be drift is left alone:
 * somebody in the guest has set the clock on purpose. */
static int adjust(uint64_t realtime_ns)
{
    enum { EXACT_US = 10 * 1000, DRIFT_US = 1000 * 1000 };
    int64_t late_us = (int64_t)(realtime_ns - pyro_clock_ns(CLOCK_REALTIME)) / 1000;
    if (llabs(late_us) < EXACT_US || llabs(late_us) > DRIFT_US)
        return 0;
    struct timex step = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)late_us};
    return adjtimex(&step) < 0 ? -errno : 0;
}

void pyro_wallclock_follow(const struct pyro_clock *clock)
{
    int r = clock->mode == PYRO_CLOCK_STEP ? pyro_wallclock_set(clock->realtime_ns)
                                           : adjust(clock->realtime_ns);
    if (r < 0)
        pyro_console_log("cannot follow the host's clock: %s", strerror(-r));
}
