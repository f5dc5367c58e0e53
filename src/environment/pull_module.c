/* What a pull needs, in a module of its own. */
#include "base/module.h"
#include "environment/pull.h"

int pyro_environment_pull(const struct pyro_home *home, const struct pyro_environment *environment,
                          const struct pyro_observer *observer, struct pyro_error *error)
{
    static const struct pyro_module module = {
        .file = "libpyro-pull.so",
        .symbol = PYRO_PULL_SYMBOL,
        .wish = "pull an environment",
        .hint = "install pyro again, with the libraries that it names (packages libarchive13 and "
                "e2fsprogs)"};
    pyro_pull_function *pull;
    if (pyro_module_load(&module, home, &pull, error) < 0)
        return -1;
    return pull(home, environment, observer, error);
}
