/* Modules: parts of pyro whose libraries take longer to load than most calls take to run. They lie
 * beside the programs and are loaded by whoever needs one. */
#ifndef PYRO_BASE_MODULE_H
#define PYRO_BASE_MODULE_H

#include "base/error.h"
#include "base/home.h"

struct pyro_module {
    const char *file;   /* "libpyro-pull.so" */
    const char *symbol; /* the one function that it shows */
    const char *wish;   /* "pull an environment", for the error */
    const char *hint;   /* which packages it needs */
};

/* `ret_function`: the address of a pointer to the function, of the type that the module says. It
 * stays loaded until the program ends. 0, or -1 and PYRO_ERROR_MISSING_PROGRAM. */
int pyro_module_load(const struct pyro_module *module, const struct pyro_home *home,
                     void *ret_function, struct pyro_error *error);

#endif
