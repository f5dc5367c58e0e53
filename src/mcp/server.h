/* What the server answers to whom, whatever the messages come by. */
#ifndef PYRO_MCP_SERVER_H
#define PYRO_MCP_SERVER_H

#include "mcp/message.h"
#include "mcp/paths.h"
#include "operation/operation.h"

struct pyro_mcp_call_state;

/* What a server offers beside the operations of the table. */
struct pyro_mcp_extra {
    json_t *(*capabilities)(enum pyro_mcp_era era); /* an object, without those for tools */
    json_t *(*tools)(void);                         /* an array of definitions */
    /* Whether a request is answered here; asked first. */
    bool (*serves)(const struct pyro_mcp_message *request);
    /* Why it is refused whatever comes of it, as pyro_mcp_server_refuse() has it. */
    char *(*refuse)(const struct pyro_mcp_message *request, int *ret_code);
    /* The line that answers it. In a thread, which may say something before (calls.h). */
    char *(*answer)(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call);
    /* Takes what a client answers to a request of the server's. */
    void (*hear)(const struct pyro_mcp_message *response);
};

/* As the server was started. The strings must stay. */
struct pyro_mcp_options {
    const char *tools; /* "all", "vm", "workspace" */
    bool allow_host_compat;
    const struct pyro_mcp_paths *paths; /* of this host, for tools that take some */
    const struct pyro_mcp_extra *extra; /* NULL: there is nothing but operations */
    unsigned spare_seconds;             /* how long an unused spare is kept; 0: none is made */
    struct pyro_spares *spares; /* made by what serves: HTTP's module has a core of its own, and
                                   neither may touch what the other opened */
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
char *pyro_mcp_server_refuse(const struct pyro_mcp_server *server,
                             const struct pyro_mcp_message *request, int *ret_code);

/* Takes a request. A line to send back, to be freed; or NULL, and it takes longer: a call is to
 * begin (calls.h) with the tool, which is NULL if it is the extra's, or if memory has run out. */
char *pyro_mcp_server_take(struct pyro_mcp_server *server, const struct pyro_mcp_message *request,
                           const struct pyro_operation **ret_tool);

/* Takes a response, which only an extra can have asked for. */
void pyro_mcp_server_hear(const struct pyro_mcp_server *server,
                          const struct pyro_mcp_message *response);

/* Those of a tools/call, NULL if there are none. */
const json_t *pyro_mcp_arguments(const struct pyro_mcp_message *request);

#endif
