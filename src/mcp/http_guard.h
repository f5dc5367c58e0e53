/* Who may ask at all: against pages that a browser was talked into loading, and strangers. */
#ifndef PYRO_MCP_HTTP_GUARD_H
#define PYRO_MCP_HTTP_GUARD_H

#include "mcp/http_address.h"
#include "mcp/http_headers.h"

struct pyro_http_guard {
    const struct pyro_http_address *address; /* where the server listens, with its port */
    const char *host_name;                   /* of this host; counts where others can reach it */
    const char *token;                       /* NULL: none is needed */
};

/* Whether the server is what the client believes to talk to. A page whose name was made to lead
 * here (DNS rebinding) names its own host. */
bool pyro_http_guard_host(const struct pyro_http_guard *guard, const char *host);

/* Whether no page of a browser asks, or one that came from this server. */
bool pyro_http_guard_origin(const struct pyro_http_guard *guard, const char *origin);

#endif
