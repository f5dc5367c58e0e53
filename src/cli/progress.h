/* Progress on stderr: one live line on a terminal, a line now and then otherwise. */
#ifndef PYRO_CLI_PROGRESS_H
#define PYRO_CLI_PROGRESS_H

#include <pyro/pyro.h>
#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    bool wanted;
    bool live;                     /* stderr is a terminal */
    bool drawn;                    /* a live line stands there */
    char operation[16], phase[48]; /* shown last */
    uint64_t started_at_ms;        /* the operation */
    uint64_t shown_at_ms;
};

void cli_progress_init(struct cli_progress *progress, bool wanted);
void cli_progress_show(struct cli_progress *progress, const struct pyro_progress *step);
/* Takes the live line away. */
void cli_progress_clear(struct cli_progress *progress);

#endif
