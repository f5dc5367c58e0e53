/* The command `pyro`: it parses words, calls one operation, and shows the result. What can be
 * called, and with what, comes from the operation table. */
#ifndef PYRO_CLI_CLI_H
#define PYRO_CLI_CLI_H

#include <stdio.h>

#include "cli/progress.h"
#include "operation/operation.h"

enum { EXIT_FAILED = 125 }; /* pyro's own failure, as against the command's */

/* One run of the program. */
struct cli {
    const struct pyro_operation *operation;
    bool json, verbose;
    int cancel_fd;
    int write_errno; /* why stdout or stderr took no more; 0: they did */
    struct cli_progress progress;
};

/* signals.c: SIGINT, SIGTERM and SIGHUP make a descriptor readable instead of ending the program,
 * so that nothing is left behind. The descriptor, or a negative errno. */
int cli_signals_catch(void);
/* The first signal that came, 0 if none did. */
int cli_signals_caught(void);

/* output.c: text for people: control characters are made harmless, because names and messages may
 * come from anywhere. */
void cli_print(FILE *file, const char *format, ...) PYRO_PRINTF(2, 3);
/* One value and a newline on stdout: pretty on a terminal, one line otherwise. */
void cli_print_json(const json_t *value);
/* Whether `file` is a terminal that shows UTF-8, and one that shows colours. */
bool cli_shows_utf8(FILE *file);
bool cli_shows_colour(FILE *file);

/* call.c: calls the operation and shows its progress, output, result or error. The exit status. */
int cli_call(struct cli *cli, const json_t *given);
/* Whether this command is to show progress on stderr. */
bool cli_wants_progress(const struct cli *cli);
/* Shows an error; the exit status. */
int cli_fail(const struct cli *cli, const char *command, const struct pyro_error *error);

/* render.c: a result for people. */
/* A unified diff on the terminal. */
void cli_render_patch(const char *patch, size_t size);
void cli_render(const struct pyro_operation *operation, const json_t *result);

#endif
