/* What serves HTTP, in a module of its own. */
#include "base/module.h"
#include "mcp/http.h"

int pyro_mcp_serve_http(const struct pyro_mcp_options *options,
                        const struct pyro_mcp_http_options *http, int stop_fd,
                        struct pyro_error *error)
{
    static const struct pyro_module module = {
        .file = "libpyro-http.so",
        .symbol = PYRO_MCP_HTTP_SYMBOL,
        .wish = "serve HTTP",
        .hint = "install pyro again, with the libraries that it names (package libmicrohttpd12), "
                "or serve stdin and stdout, without --http"};
    struct pyro_home home;
    pyro_mcp_http_function *serve;
    if (pyro_home_init(&home, NULL, NULL, error) < 0)
        return -1;
    int r = pyro_module_load(&module, &home, &serve, error);
    pyro_home_finish(&home);
    return r == 0 ? serve(options, http, stop_fd, error) : -1;
}
