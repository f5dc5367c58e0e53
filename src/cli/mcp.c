/* `pyro mcp serve`: the MCP server, with the signals of a command. */
#include "cli/mcp.h"

#include <locale.h>

#include "base/json.h"
#include "mcp/stdio.h"

int cli_mcp_serve(struct cli *cli, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    const struct pyro_mcp_options options = {
        .tools = pyro_json_text(given, "tools", "all"),
        .allow_host_compat = pyro_json_boolean(given, "allow_host_compat", false),
    };
    /* Names of files are UTF-8 in JSON, and clients pass no locale on. */
    setlocale(LC_CTYPE, "C.UTF-8");
    cli->cancel_fd = cli_signals_catch();
    if (pyro_mcp_serve_stdio(&options, cli->cancel_fd, &error) < 0)
        return cli_fail(cli, "pyro mcp serve", &error);
    return cli_signals_caught() ? 128 + cli_signals_caught() : 0;
}
