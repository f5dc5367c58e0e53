#ifndef PYRO_CLI_MCP_H
#define PYRO_CLI_MCP_H

#include "cli/cli.h"

/* `pyro mcp serve` and `pyro mcp config`, with the parameters as they were given. The exit status.
 */
int cli_mcp_serve(struct cli *cli, const json_t *given);
int cli_mcp_config(struct cli *cli, const json_t *given); /* mcp_config.c */

#endif
