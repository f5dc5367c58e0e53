/* The server over HTTP: MCP's Streamable HTTP, without sessions that it would have to remember. */
#ifndef PYRO_MCP_HTTP_H
#define PYRO_MCP_HTTP_H

#include "mcp/server.h"

#define PYRO_MCP_HTTP_PATH "/mcp"

struct pyro_mcp_http_options {
    const char *address;    /* "127.0.0.1:8765", "[::1]:0", "unix:PATH" */
    const char *token_file; /* NULL: none */
};

/* Serves until `stop_fd` becomes readable; within two seconds of that it returns, or ends the
 * process itself where a call does not let go. From the first on stdout is what stderr is. 0, or -1
 * and an error. */
int pyro_mcp_serve_http(const struct pyro_mcp_options *options,
                        const struct pyro_mcp_http_options *http, int stop_fd,
                        struct pyro_error *error);

/* The same; the one thing that the module shows, by name. */
#define PYRO_MCP_HTTP_SYMBOL "pyro_mcp_serve_http_here"
typedef int pyro_mcp_http_function(const struct pyro_mcp_options *options,
                                   const struct pyro_mcp_http_options *http, int stop_fd,
                                   struct pyro_error *error);
__attribute__((visibility("default"))) pyro_mcp_http_function pyro_mcp_serve_http_here;

#endif
