/* What speaks HTTP to a model's server, in a module of its own. */
#include "base/module.h"
#include "demo/curl.h"

pyro_curl_function *pyro_curl_load(const struct pyro_home *home, struct pyro_error *error)
{
    static const struct pyro_module module = {
        .file = "libpyro-curl.so",
        .symbol = PYRO_CURL_SYMBOL,
        .wish = "talk to a model's server",
        .hint = "install pyro again, with the library that it names (package libcurl4)"};
    pyro_curl_function *function;
    return pyro_module_load(&module, home, &function, error) == 0 ? function : NULL;
}
