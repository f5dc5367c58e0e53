/* The terminal that a shell is attached to: stdin and stdout of this program. */
#ifndef PYRO_CLI_ATTACH_TERMINAL_H
#define PYRO_CLI_ATTACH_TERMINAL_H

#include <stddef.h>

/* Keys come as they are typed. It is restored when a signal ends this program, too. 0 or a negative
 * errno. */
int cli_terminal_make_raw(void);

/* As it was, with all that programs may have switched on switched off. */
void cli_terminal_restore(void);

/* At its own pace. */
void cli_terminal_put(const char *text, size_t size);

#endif
