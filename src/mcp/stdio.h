/* The server on stdin and stdout: one message a line. */
#ifndef PYRO_MCP_STDIO_H
#define PYRO_MCP_STDIO_H

#include "mcp/server.h"

/* Serves until stdin ends or `stop_fd` becomes readable; within two seconds of that it returns, or
 * ends the process itself where a call does not let go. From then on stdout is what stderr was.
 * 0, or -1 and an error. */
int pyro_mcp_serve_stdio(const struct pyro_mcp_options *options, int stop_fd,
                         struct pyro_error *error);

#endif
