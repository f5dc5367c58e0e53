/* Archives need a library that takes longer to load than a command in a guest takes to run: it
 * comes with a module that is loaded by whoever opens one. */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "workspace/source_kind.h"

static pyro_source_open_function *load(const struct pyro_home *home, struct pyro_error *error)
{
    cleanup_free char *path = pyro_text_format("%s/libpyro-archive.so", home->libexec);
    pyro_source_open_function *function = NULL;
    if (!path) {
        pyro_error_no_memory(error);
        return NULL;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, PYRO_SOURCE_ARCHIVE_SYMBOL) : NULL;
    memcpy(&function, &symbol, sizeof(function)); /* as POSIX says a function is to be had */
    if (!function) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot read archives: %s", dlerror());
        pyro_error_hint(error, "install pyro again, with the libraries that it names (package "
                               "libarchive13), or unpack the archive and push the directory");
    }
    return function; /* stays loaded: the source that it opens is its own */
}

int pyro_source_archive_open(const struct pyro_home *home, int fd, const char *given,
                             const char *field, struct pyro_tree_source **ret_source,
                             struct pyro_error *error)
{
    pyro_source_open_function *open_here = load(home, error);
    if (open_here)
        return open_here(fd, given, field, ret_source, error);
    close(fd);
    return -1;
}
