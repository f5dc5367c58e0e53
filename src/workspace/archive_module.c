/* What reads archives, in a module of its own. */
#include <unistd.h>

#include "base/module.h"
#include "workspace/source_kind.h"

int pyro_source_archive_open(const struct pyro_home *home, int fd, const char *given,
                             const char *field, struct pyro_tree_source **ret_source,
                             struct pyro_error *error)
{
    static const struct pyro_module module = {
        .file = "libpyro-archive.so",
        .symbol = PYRO_SOURCE_ARCHIVE_SYMBOL,
        .wish = "read archives",
        .hint = "install pyro again, with the libraries that it names (package libarchive13), or "
                "unpack the archive and push the directory"};
    pyro_source_open_function *open_here;
    if (pyro_module_load(&module, home, &open_here, error) == 0)
        return open_here(fd, given, field, ret_source, error);
    close(fd);
    return -1;
}
