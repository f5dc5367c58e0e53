/* The agent's only voice besides the wire: one line at a time on the guest's console, and the end.
 */
#ifndef PYRO_GUEST_CONSOLE_H
#define PYRO_GUEST_CONSOLE_H

#include <stdbool.h>

#include "base/macros.h"

/* Prints "pyro-agent: …". */
void pyro_console_log(const char *format, ...) PYRO_PRINTF(1, 2);

/* Kills every other process and waits until all are reaped, but not for ever: one that hangs in the
 * kernel never dies. Says whether they are gone. */
bool pyro_processes_end(unsigned patience_ms);

/* Ends every process, writes everything to disk and leaves the machine. */
__attribute__((noreturn)) void pyro_power_off(void);

/* Logs the reason first. PID 1 has nobody to return to: what cannot go on ends the VM. */
__attribute__((noreturn)) void pyro_power_off_because(const char *format, ...) PYRO_PRINTF(1, 2);

#endif
