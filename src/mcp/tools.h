/* The tools: operations of the table that have a tool's name. */
#ifndef PYRO_MCP_TOOLS_H
#define PYRO_MCP_TOOLS_H

#include "operation/operation.h"

/* What of them is offered, as `pyro mcp serve --tools` has it: "all", "vm" (VMs of one use), or
 * "workspace". */
bool pyro_mcp_tool_is_offered(const struct pyro_operation *operation, const char *selection);

/* NULL when no tool that is offered has the name. */
const struct pyro_operation *pyro_mcp_tool_find(const char *name, const char *selection);

/* The definitions of all tools that are offered, in the order of the table. NULL when out of
 * memory. */
json_t *pyro_mcp_tools_to_json(const char *selection);

#endif
