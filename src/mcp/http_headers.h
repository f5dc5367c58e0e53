/* The header fields of a request that matter here, and whether they fit the message it brings. */
#ifndef PYRO_MCP_HTTP_HEADERS_H
#define PYRO_MCP_HTTP_HEADERS_H

#include <stdbool.h>

#include "mcp/message.h"

/* NULL: the field is not there. The texts are the caller's. */
struct pyro_http_headers {
    const char *host, *origin, *authorization, *content_type, *accept;
    const char *version, *method, *name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name */
    const char *session;                 /* Mcp-Session-Id */
    bool is_ambiguous;                   /* one of them came twice */
};

/* Takes one field of a request; those that do not matter are left out. */
void pyro_http_headers_add(struct pyro_http_headers *headers, const char *name, const char *value);

/* Whether the client takes the type ("application/json"). One that does not say takes anything. */
bool pyro_http_headers_accept(const struct pyro_http_headers *headers, const char *type);

/* Whether the body is said to be JSON. */
bool pyro_http_headers_is_json(const struct pyro_http_headers *headers);

/* A message is of the later era if it says so itself, or if the header names a version that is none
 * of the earlier. */
enum pyro_mcp_era pyro_http_headers_era(const struct pyro_http_headers *headers,
                                        const struct pyro_mcp_message *message);

/* The name of the header field that a message of the later era does not have as it must; NULL: they
 * say what the message says. */
const char *pyro_http_headers_differ(const struct pyro_http_headers *headers,
                                     const struct pyro_mcp_message *message);

#endif
