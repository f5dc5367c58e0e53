#ifndef PYRO_CLI_DEMO_H
#define PYRO_CLI_DEMO_H

#include "cli/cli.h"

/* `pyro demo` and `pyro demo ollama`, with the parameters as they were given. The exit status. */
int cli_demo(struct cli *cli, const json_t *given);
int cli_demo_ollama(struct cli *cli, const json_t *given); /* demo_ollama.c */

#endif
