/* The wall clock, which the host knows best. */
#ifndef PYRO_GUEST_WALLCLOCK_H
#define PYRO_GUEST_WALLCLOCK_H

#include "wire/message.h"

/* 0 or a negative errno. */
int pyro_wallclock_set(uint64_t realtime_ns);

/* CLOCK: follows the host's clock in the way it asks for. */
void pyro_wallclock_follow(const struct pyro_clock *clock);

#endif
