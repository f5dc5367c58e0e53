/* What the server answers to whom, whatever the messages come by. */
#ifndef PYRO_MCP_SERVER_H
#define PYRO_MCP_SERVER_H

#include "mcp/message.h"
#include "mcp/paths.h"
#include "operation/operation.h"

/* As the server was started. The strings must stay. */
struct pyro_mcp_options {
    const char *tools; /* "all", "vm", "workspace" */
    bool allow_host_compat;
    const struct pyro_mcp_paths *paths; /* of this host, for tools that take some */
    struct pyro_spares *spares;         /* NULL: none */
};

struct pyro_mcp_server {
    struct pyro_mcp_options options;
    char *lists[PYRO_MCP_ERAS]; /* the results of tools/list, made when first asked for */
};

void pyro_mcp_server_init(struct pyro_mcp_server *server, const struct pyro_mcp_options *options);
void pyro_mcp_server_finish(struct pyro_mcp_server *server);

bool pyro_mcp_version_is_legacy(const char *version);

/* Why a request is refused whatever it asks in detail: what it says of itself, or a method that is
 * not there. A line to send back, to be freed, with its code; NULL: nothing. */
char *pyro_mcp_server_refuse(const struct pyro_mcp_message *request, int *ret_code);

/* Takes a request. A line to send back, to be freed; or NULL and, unless memory has run out, a
 * tool that is to be called (call.h) with pyro_mcp_arguments(). */
char *pyro_mcp_server_take(struct pyro_mcp_server *server, const struct pyro_mcp_message *request,
                           const struct pyro_operation **ret_tool);

/* Those of a tools/call, NULL if there are none. */
const json_t *pyro_mcp_arguments(const struct pyro_mcp_message *request);

#endif
