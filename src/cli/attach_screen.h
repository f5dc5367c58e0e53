/* What a terminal that is attached to a shell shows: on which of its two screens, and what was
 * shown before without what it would answer. Control sequences are xterm's. */
#ifndef PYRO_CLI_ATTACH_SCREEN_H
#define PYRO_CLI_ATTACH_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Onto the alternate screen, and back. */
#define CLI_SCREEN_ENTER "\033[?1049h"
#define CLI_SCREEN_LEAVE "\033[?1049l"

/* Follows which of the two screens is shown; begins as {0}. */
struct cli_screen {
    bool is_alternate;
    size_t matched; /* characters of the sequence that changes it, that came last */
};

void cli_screen_follow(struct cli_screen *screen, const char *bytes, size_t size);

/* Takes out, in place, what asks the terminal something: who asked has its answer, and the shell
 * would take another one for keys. Returns the new size. */
size_t cli_screen_silence(char *text, size_t size);

#endif
