/* How MCP clients are told of this server: a snippet for the file that each of them reads. */
#ifndef PYRO_MCP_CLIENT_CONFIG_H
#define PYRO_MCP_CLIENT_CONFIG_H

#include <jansson.h>

struct pyro_mcp_launch {
    const json_t *command;     /* the words that start the server; the first is the program */
    const json_t *environment; /* what it needs that clients do not pass on: names and texts */
};

struct pyro_mcp_client {
    const char *name;   /* "claude-code" */
    const char *format; /* "json", "toml", "yaml" */
    const char *file;   /* where the snippet goes */
    const char *beside; /* where `pyro` belongs if that file is there already */
    const char *check;  /* how to see that the client has it */
    char *(*make)(const struct pyro_mcp_launch *launch);
};

/* NULL: there is none of that name. */
const struct pyro_mcp_client *pyro_mcp_client_find(const char *name);

/* The snippet with its last newline. All texts of `launch` are UTF-8 without control characters. To
 * be freed, NULL when out of memory. */
char *pyro_mcp_client_snippet(const struct pyro_mcp_client *client,
                              const struct pyro_mcp_launch *launch);

#endif
