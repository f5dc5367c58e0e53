#include "mcp/tools.h"

#include <string.h>

#include "base/json.h"
#include "mcp/schema.h"

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

bool pyro_mcp_tool_is_offered(const struct pyro_operation *operation, const char *selection)
{
    const char *name = operation->mcp;
    if (!name)
        return false;
    if (strcmp(selection, "all") == 0 || strcmp(name, "vm_list_environments") == 0)
        return true; /* whatever is made needs an environment's name */
    return begins_with(name, "vm_") == (strcmp(selection, "vm") == 0);
}

const struct pyro_operation *pyro_mcp_tool_find(const char *name, const char *selection)
{
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        if (pyro_mcp_tool_is_offered(*at, selection) && strcmp((*at)->mcp, name) == 0)
            return *at;
    }
    return NULL;
}

static json_t *annotations(const struct pyro_operation *operation)
{
    unsigned flags = operation->annotations;
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "title", operation->title, "readOnlyHint",
                     (flags & PYRO_READ_ONLY) != 0, "destructiveHint",
                     (flags & PYRO_DESTRUCTIVE) != 0, "idempotentHint",
                     (flags & PYRO_IDEMPOTENT) != 0, "openWorldHint",
                     (flags & PYRO_OPEN_WORLD) != 0);
}

static json_t *tool_to_json(const struct pyro_operation *operation)
{
    const char *description =
        operation->mcp_description ? operation->mcp_description : operation->description;
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", operation->mcp, "title",
                     operation->title, "description", description, "inputSchema",
                     pyro_mcp_input_schema(operation), "outputSchema",
                     pyro_mcp_output_schema(operation), "annotations", annotations(operation));
}

json_t *pyro_mcp_tools_to_json(const char *selection)
{
    cleanup_json json_t *list = json_array();
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        if (pyro_mcp_tool_is_offered(*at, selection) &&
            json_array_append_new(list, tool_to_json(*at)) < 0)
            return NULL;
    }
    return steal_pointer(&list);
}
