/* Work that outlives whoever began it. */
#ifndef PYRO_BASE_DETACH_H
#define PYRO_BASE_DETACH_H

#include <stddef.h>

/* Runs a function in a copy of this process, away from its terminal, that nobody has to wait for.
 * Of our descriptors it has those in `keep`, at most 8, and none of the standard ones. None of our
 * other threads is in it, so the function takes no lock that one of them may hold (glibc sees to
 * malloc's). Returns a descriptor that becomes readable when the function has returned, or a
 * negative errno. */
int pyro_detach(void (*run)(void *userdata), void *userdata, const int *keep, size_t keep_count);

#endif
