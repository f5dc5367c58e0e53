#include "base/module.h"

#include <dlfcn.h>
#include <string.h>

#include "base/text.h"

int pyro_module_load(const struct pyro_module *module, const struct pyro_home *home,
                     void *ret_function, struct pyro_error *error)
{
    cleanup_free char *path = pyro_text_format("%s/%s", home->libexec, module->file);
    if (!path)
        return pyro_error_no_memory(error);
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = loaded ? dlsym(loaded, module->symbol) : NULL;
    if (!symbol) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot %s: %s", module->wish, dlerror());
        return pyro_error_hint(error, "%s", module->hint);
    }
    memcpy(ret_function, &symbol, sizeof(symbol)); /* as POSIX says a function is to be had */
    return 0;
}
