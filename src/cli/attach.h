#ifndef PYRO_CLI_ATTACH_H
#define PYRO_CLI_ATTACH_H

#include "cli/cli.h"

/* `pyro workspace shell attach`, with the parameters as they were given. The exit status. */
int cli_attach(struct cli *cli, const json_t *given);

#endif
