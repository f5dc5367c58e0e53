/* How fast this host's time stamp counter runs, for kernels under emulation that must be told. */
#ifndef PYRO_VM_TSC_H
#define PYRO_VM_TSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kilohertz, or 0 when it is not constant or cannot be told. `reason` says how it was found or why
 * not, for people. Takes up to 0.1 s when the kernel does not tell. */
uint32_t pyro_tsc_find(char *reason, size_t reason_size);

/* The two ways, each 0 when it does not work here. */
uint32_t pyro_tsc_from_kernel(void);
uint32_t pyro_tsc_measure(void);

/* Between 0.1 and 10 GHz. */
bool pyro_tsc_is_plausible(int64_t khz);

/* Whether /proc/cpuinfo's text lists both flags that make the counter a clock. */
bool pyro_tsc_is_constant(const char *cpuinfo);

#endif
