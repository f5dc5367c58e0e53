/* A pull needs libraries that take longer to load than a guest takes to be set going: they come
 * with a module that is loaded by whoever pulls. */
#include <dlfcn.h>
#include <string.h>

#include "base/text.h"
#include "environment/pull.h"

static pyro_pull_function *load(const struct pyro_home *home, struct pyro_error *error)
{
    cleanup_free char *path = pyro_text_format("%s/libpyro-pull.so", home->libexec);
    pyro_pull_function *function = NULL;
    if (!path) {
        pyro_error_no_memory(error);
        return NULL;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, PYRO_PULL_SYMBOL) : NULL;
    memcpy(&function, &symbol, sizeof(function)); /* as POSIX says a function is to be had */
    if (!function) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot pull an environment: %s",
                       dlerror());
        pyro_error_hint(error, "install pyro again, with the libraries that it names (packages "
                               "libarchive13 and e2fsprogs)");
    }
    return function; /* stays loaded: what it left running could not be taken away under it */
}

int pyro_environment_pull(const struct pyro_home *home, const struct pyro_environment *environment,
                          const struct pyro_observer *observer, struct pyro_error *error)
{
    pyro_pull_function *pull = load(home, error);
    return pull ? pull(home, environment, observer, error) : -1;
}
