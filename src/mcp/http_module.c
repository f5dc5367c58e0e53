/* HTTP needs a library that takes longer to load than all of the server on stdin and stdout does:
 * it comes with a module that is loaded by whoever asks for it. */
#include <dlfcn.h>
#include <string.h>

#include "base/home.h"
#include "base/text.h"
#include "mcp/http.h"

static pyro_mcp_http_function *load(const char *libexec, struct pyro_error *error)
{
    cleanup_free char *path = pyro_text_format("%s/libpyro-http.so", libexec);
    pyro_mcp_http_function *function = NULL;
    if (!path) {
        pyro_error_no_memory(error);
        return NULL;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, PYRO_MCP_HTTP_SYMBOL) : NULL;
    memcpy(&function, &symbol, sizeof(function)); /* as POSIX says a function is to be had */
    if (!function) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot serve HTTP: %s", dlerror());
        pyro_error_hint(error, "install pyro again, with the libraries that it names (package "
                               "libmicrohttpd12), or serve stdin and stdout, without --http");
    }
    return function;
}

int pyro_mcp_serve_http(const struct pyro_mcp_options *options,
                        const struct pyro_mcp_http_options *http, int stop_fd,
                        struct pyro_error *error)
{
    struct pyro_home home;
    if (pyro_home_init(&home, NULL, NULL, error) < 0)
        return -1;
    pyro_mcp_http_function *serve = load(home.libexec, error);
    pyro_home_finish(&home);
    return serve ? serve(options, http, stop_fd, error) : -1;
}
