/* Can QEMU be put in its jail here? Found out by doing it. */
#ifndef PYRO_VM_JAIL_PROBE_H
#define PYRO_VM_JAIL_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* `qemu_path` may be NULL: then only the namespaces are tried. `reason` says why not. */
bool pyro_jail_probe(const char *bwrap_path, const char *qemu_path, char *reason,
                     size_t reason_size);

#endif
