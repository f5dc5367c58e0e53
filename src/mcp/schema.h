/* JSON Schema (2020-12) of what an operation takes and returns. */
#ifndef PYRO_MCP_SCHEMA_H
#define PYRO_MCP_SCHEMA_H

#include "operation/operation.h"

/* New references, or NULL when out of memory. */
json_t *pyro_mcp_input_schema(const struct pyro_operation *operation);
/* Of a result without its null members, and with its lists cut (shorten.h). */
json_t *pyro_mcp_output_schema(const struct pyro_operation *operation);

/* Whether a tool has it: what makes sense on the command line only is left out. */
bool pyro_mcp_has_parameter(const struct pyro_parameter *parameter);

#endif
