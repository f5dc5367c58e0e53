/* QEMU's argument vector for one machine. Pure: it opens and checks nothing. */
#ifndef PYRO_VM_COMMAND_LINE_H
#define PYRO_VM_COMMAND_LINE_H

#include "base/process.h"
#include "vm/machine.h"

/* The ends of the channels that QEMU inherits, under the same number. -1: not there. */
struct pyro_machine_ends {
    int agent, qmp, console, network;
};

/* Appends QEMU and its options. Without a jail the paths are the host's, in it pyro_jail's names.
 * Out of memory is remembered in `argv`. */
void pyro_command_line_add(struct pyro_argv *argv, const struct pyro_machine_config *config,
                           const struct pyro_machine_ends *ends);

/* The kernel's command line, to be freed; NULL when out of memory. */
char *pyro_command_line_kernel(const struct pyro_machine_config *config);

#endif
