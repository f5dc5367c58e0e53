#include "base/home.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#ifndef PYRO_LIBEXECDIR
#define PYRO_LIBEXECDIR "/usr/local/libexec/pyro"
#endif

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

/* In the Python package that was installed with the program: BIN/../lib/python3.11/site-packages.
 */
static char *find_in_python_package(const char *bin)
{
    glob_t found = {0};
    cleanup_free char *pattern = NULL;
    char *directory = NULL;
    pattern = pyro_text_format("%s/../lib/python3*/*-packages/pyro_mcp/libexec", bin);
    if (pattern && glob(pattern, 0, NULL, &found) == 0 && holds_agent(found.gl_pathv[0]))
        directory = strdup(found.gl_pathv[0]);
    globfree(&found);
    return directory;
}

/* Beside the running program (a build tree), in ../libexec/pyro (a moved installation), in the
 * Python package, or where the installation was configured to put them. */
static char *find_libexec(void)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        *slash = '\0';
        if (holds_agent(program))
            return strdup(program);
        char *beside = pyro_text_format("%s/../libexec/pyro", program);
        if (beside && holds_agent(beside))
            return beside;
        free(beside);
        char *package = find_in_python_package(program);
        if (package)
            return package;
    }
    /* If it is not there either, doctor and the first start say so. */
    return strdup(PYRO_LIBEXECDIR);
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
