#ifndef PYRO_CLI_MCP_H
#define PYRO_CLI_MCP_H

#include "cli/cli.h"

/* `pyro mcp serve`, with the parameters as they were given. The exit status. */
int cli_mcp_serve(struct cli *cli, const json_t *given);

#endif
