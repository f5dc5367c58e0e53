#include <dlfcn.h>
#include <string.h>

#include "base/text.h"
#include "demo/curl.h"

pyro_curl_function *pyro_curl_load(const struct pyro_home *home, struct pyro_error *error)
{
    cleanup_free char *path = pyro_text_format("%s/libpyro-curl.so", home->libexec);
    pyro_curl_function *function = NULL;
    if (!path) {
        pyro_error_no_memory(error);
        return NULL;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, PYRO_CURL_SYMBOL) : NULL;
    memcpy(&function, &symbol, sizeof(function)); /* as POSIX says a function is to be had */
    if (!function) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot talk to a model's server: %s",
                       dlerror());
        pyro_error_hint(error, "install pyro again, with the library that it names (package "
                               "libcurl4)");
    }
    return function; /* stays loaded until the program ends */
}
