/* What is sent: whole lines, with their newline. All are to be freed; NULL when out of memory. */
#ifndef PYRO_MCP_REPLY_H
#define PYRO_MCP_REPLY_H

#include "mcp/message.h"

/* JSON-RPC's and MCP's codes. */
enum {
    PYRO_MCP_NO_JSON = -32700,
    PYRO_MCP_NO_REQUEST = -32600,
    PYRO_MCP_UNKNOWN_METHOD = -32601,
    PYRO_MCP_BAD_PARAMS = -32602,
    PYRO_MCP_BUG = -32603,
    PYRO_MCP_BAD_HEADERS = -32020,
    PYRO_MCP_BAD_VERSION = -32022,
};

/* One value as text, on one line. */
char *pyro_mcp_dump(const json_t *value);

/* `result` is the result as text. */
char *pyro_mcp_reply(const json_t *id, const char *result);
/* `id` NULL: that of the message is not known. `data` is taken over, NULL: none. */
char *pyro_mcp_reply_error(const json_t *id, int code, json_t *data, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* notifications/progress; `message` is cut where it is not UTF-8. */
char *pyro_mcp_notify_progress(const json_t *token, unsigned progress, const char *message);

/* What every result of that era holds beside its own; `result` is changed. 0, or -1 when out of
 * memory. */
int pyro_mcp_result_complete(enum pyro_mcp_era era, json_t *result);

/* {"name", "title", "version"} of this server. */
json_t *pyro_mcp_server_info(void);

#endif
