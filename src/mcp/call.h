/* One call of a tool: what the model gave becomes parameters, what came of it becomes a result. */
#ifndef PYRO_MCP_CALL_H
#define PYRO_MCP_CALL_H

#include "mcp/message.h"
#include "mcp/server.h"

/* Calls the tool and waits for its end. The result of tools/call: what failed is a result too, with
 * isError. NULL only when out of memory. `arguments` is an object or NULL. May run in any thread.
 */
json_t *pyro_mcp_call(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
                      const json_t *arguments, enum pyro_mcp_era era,
                      const struct pyro_observer *observer);

#endif
