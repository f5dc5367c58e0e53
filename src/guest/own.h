/* The agent's own commands (docs/PROTOCOL.md, "Trees" and "Probes"): its program, executed under
 * the name PYRO_OWN_PROGRAM as the process of a command, runs one of them. */
#ifndef PYRO_GUEST_OWN_H
#define PYRO_GUEST_OWN_H

#include "base/macros.h"

#define PYRO_OWN_PROGRAM "pyro-own"

/* `words` are EXEC's arguments. The exit status: 0, or 1 after one line on stderr. */
int pyro_own_command(char *const *words);

/* The line on stderr, however odd what it quotes. Returns -1. */
PYRO_PRINTF(1, 2) int pyro_own_say(const char *format, ...);

#endif
