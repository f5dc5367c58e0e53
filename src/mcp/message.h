/* One JSON-RPC message of an MCP client: told apart, and its parts found. Nothing is trusted. */
#ifndef PYRO_MCP_MESSAGE_H
#define PYRO_MCP_MESSAGE_H

#include <jansson.h>
#include <stddef.h>

enum {
    PYRO_MCP_MESSAGE_MAX = 16 * 1024 * 1024, /* bytes */
    PYRO_MCP_NESTING_MAX = 128,
    PYRO_MCP_VALUES_MAX = 1000000, /* each takes more memory than it took bytes */
};

enum pyro_mcp_kind {
    PYRO_MCP_INVALID,
    PYRO_MCP_REQUEST,
    PYRO_MCP_NOTIFICATION,
    PYRO_MCP_RESPONSE,
};

/* Clients of both kinds are about. Each message tells by itself which it belongs to. */
enum pyro_mcp_era {
    PYRO_MCP_LEGACY, /* up to 2025-11-25: `initialize` comes first */
    PYRO_MCP_MODERN, /* from 2026-07-28 on: version and capabilities in each request's _meta */
    PYRO_MCP_ERAS,
};

#define PYRO_MCP_META "io.modelcontextprotocol/"
#define PYRO_MCP_META_VERSION PYRO_MCP_META "protocolVersion"
#define PYRO_MCP_META_CAPABILITIES PYRO_MCP_META "clientCapabilities"

/* Everything but `problem` is part of `whole`, and NULL if it is not there. */
struct pyro_mcp_message {
    enum pyro_mcp_kind kind;
    enum pyro_mcp_era era;
    const json_t *id; /* a string or an integer */
    const char *method;
    const json_t *params, *meta; /* objects */
    const char *problem;         /* of an invalid one; static text */
    json_t *whole;
};

/* Takes one message without the end of its line. What is not one becomes PYRO_MCP_INVALID. Follow
 * with pyro_mcp_message_finish() in any case. */
void pyro_mcp_message_parse(const char *bytes, size_t size, struct pyro_mcp_message *ret_message);
void pyro_mcp_message_finish(struct pyro_mcp_message *message);

/* The text of a member, NULL if it is none or holds a NUL. */
const char *pyro_mcp_text(const json_t *object, const char *key);

#endif
