/* `pyro mcp serve`: the MCP server, with the signals of a command. */
#include "cli/mcp.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/json.h"
#include "mcp/http.h"
#include "mcp/paths.h"
#include "mcp/stdio.h"

enum { SPARE_SECONDS = 600 };

static int serve_where(const struct pyro_mcp_options *options, const json_t *given, int stop_fd,
                       struct pyro_error *error)
{
    const struct pyro_mcp_http_options http = {
        .address = pyro_json_text(given, "http", NULL),
        .token_file = pyro_json_text(given, "token_file", NULL),
    };
    if (http.address)
        return pyro_mcp_serve_http(options, &http, stop_fd, error);
    if (!http.token_file)
        return pyro_mcp_serve_stdio(options, stop_fd, error);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "--token-file is for HTTP, and --http is not given");
    pyro_error_hint(error, "add --http, or leave --token-file out");
    return pyro_error_field(error, "token_file");
}

static int serve(struct cli *cli, const json_t *given, struct pyro_error *error)
{
    struct pyro_mcp_paths paths;
    const struct pyro_mcp_options options = {
        .tools = pyro_json_text(given, "tools", "all"),
        .allow_host_compat = pyro_json_boolean(given, "allow_host_compat", false),
        .paths = &paths,
        .spare_seconds = (unsigned)pyro_json_integer(given, "spare_seconds", SPARE_SECONDS),
    };
    int r = pyro_mcp_paths_init(&paths, json_object_get(given, "allow_path"), error);
    if (r == 0)
        r = serve_where(&options, given, cli->cancel_fd, error);
    pyro_mcp_paths_finish(&paths);
    return r;
}

/* PYRO_END_WITH_PID=N: whoever started this program, process N, wants it to end when it ends
 * itself, however that comes about; the Python package does. */
static void end_with_starter(void)
{
    const char *set = getenv("PYRO_END_WITH_PID");
    if (!set)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != (pid_t)strtol(set, NULL, 10)) /* it is gone already */
        raise(SIGTERM);
}

int cli_mcp_serve(struct cli *cli, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    /* Names of files are UTF-8 in JSON, and clients pass no locale on. */
    setlocale(LC_CTYPE, "C.UTF-8");
    cli->cancel_fd = cli_signals_catch();
    end_with_starter();
    if (serve(cli, given, &error) < 0)
        return cli_fail(cli, "pyro mcp serve", &error);
    return cli_signals_caught() ? 128 + cli_signals_caught() : 0;
}
