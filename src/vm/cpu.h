/* Which CPU this host has. */
#ifndef PYRO_VM_CPU_H
#define PYRO_VM_CPU_H

#include <stddef.h>

/* Brand, signature and features as text that differs when a saved guest could not go on here; ""
 * where they cannot be asked for. */
void pyro_cpu_identify(char *text, size_t text_size);

#endif
