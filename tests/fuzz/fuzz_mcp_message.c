/* A line of an MCP client: whatever it is, it is told apart, and what is asked is answered. */
#include <stdlib.h>
#include <string.h>

#include "mcp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No tool is called. */
static void answer(const struct pyro_mcp_message *request)
{
    const struct pyro_mcp_options options = {.tools = "vm"};
    const struct pyro_operation *tool;
    struct pyro_mcp_server server;
    pyro_mcp_server_init(&server, &options);
    char *reply = pyro_mcp_server_take(&server, request, &tool);
    if (!reply == !tool || (reply && (!strchr(reply, '\n') || strchr(reply, '\n')[1])))
        abort();
    free(reply);
    pyro_mcp_server_finish(&server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_mcp_message message;
    pyro_mcp_message_parse((const char *)data, size, &message);
    if ((message.kind == PYRO_MCP_INVALID) != (message.problem != NULL))
        abort();
    if (message.kind == PYRO_MCP_REQUEST)
        answer(&message);
    pyro_mcp_message_finish(&message);
    return 0;
}
