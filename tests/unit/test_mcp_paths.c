/* Paths that a model names: below the roots, whatever symlinks say, and not where secrets are. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "mcp/paths.h"
#include "tap.h"

static char place[] = "/tmp/pyro-paths-XXXXXX";

static char home[sizeof(place) + 8];

static struct pyro_error error;

static void make_place(void)
{
    static const char *const directories[] = {"home",           "home/.ssh",      "home/work",
                                              "home/.config",   "home/work/.ssh", "home/work/sub",
                                              "home/work/.git", "other"};
    if (!mkdtemp(place) || chdir(place) < 0)
        exit(99);
    snprintf(home, sizeof(home), "%s/home", place);
    setenv("HOME", home, 1);
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        mkdir(directories[i], 0700);
    if (symlink("../../other", "home/work/out") < 0 || symlink("/etc", "home/work/etc") < 0 ||
        symlink(".ssh", "home/work/sly") < 0 || symlink("sub", "home/work/in") < 0 ||
        symlink("/proc/self/root", "home/work/magic") < 0)
        exit(99);
}

/* Roots: what is in `roots`, separated by blanks; NULL: none are given. */
static void start(const char *directory, const char *roots, struct pyro_mcp_paths *paths)
{
    cleanup_json json_t *list = roots ? json_array() : NULL;
    cleanup_free char *words = strdup(roots ? roots : "");
    if (chdir(place) < 0 || chdir(directory) < 0)
        exit(99);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        json_array_append_new(list, json_string(word));
    is_int(pyro_mcp_paths_init(paths, list, &error), 0, directory);
}

static void check(const struct pyro_mcp_paths *paths, enum pyro_host_path kind, const char *path,
                  bool good)
{
    error = (struct pyro_error)PYRO_ERROR_INIT;
    cleanup_close int fd = pyro_mcp_path_open(paths, path, kind, "seed_path", &error);
    if (!ok((fd >= 0) == good, "%s %s is %s", kind == PYRO_HOST_OUTPUT ? "output" : "source", path,
            good ? "taken" : "refused"))
        printf("# %s\n", error.message);
    if (fd < 0)
        ok(error.hint[0] && strcmp(error.field, "seed_path") == 0, "%s", error.message);
}

static void check_all(const struct pyro_mcp_paths *paths, enum pyro_host_path kind,
                      const char *const *list, bool good)
{
    for (; *list; list++)
        check(paths, kind, *list, good);
}

static void test_current(void)
{
    static const char *const sources[] = {".", "", "sub", "in", "sub/../in/.", "./sub//", NULL};
    static const char *const no_sources[] = {
        "..",  "../../other", "out",     "etc", "etc/passwd", "/etc",        "magic/etc", ".ssh",
        "sly", "sub/../sly",  "../.ssh", "/",   "nothing",    "../workshop", "~/.ssh",    NULL};
    static const char *const outputs[] = {"new", "sub/new", "in/new", "sub/../new", NULL};
    static const char *const no_outputs[] = {
        ".",    "..",       "../new", "/etc/new",  "out/new",     "etc/new",       "sly/new",
        ".ssh", ".ssh/new", ".git",   ".git/hook", "nothing/new", "magic/tmp/new", NULL};
    struct pyro_mcp_paths paths;
    start("home/work", NULL, &paths);
    check_all(&paths, PYRO_HOST_SOURCE, sources, true);
    check_all(&paths, PYRO_HOST_SOURCE, no_sources, false);
    check_all(&paths, PYRO_HOST_OUTPUT, outputs, true);
    check_all(&paths, PYRO_HOST_OUTPUT, no_outputs, false);
    cleanup_free char *absolute = NULL;
    if (asprintf(&absolute, "%s/home/work/sub", place) > 0)
        check(&paths, PYRO_HOST_SOURCE, absolute, true);
    pyro_mcp_paths_finish(&paths);
}

/* A home is not meant by chance; named, most of it can be used. */
static void test_home(void)
{
    struct pyro_mcp_paths paths;
    start("home", NULL, &paths);
    is_int(paths.count, 0, "a home by chance");
    check(&paths, PYRO_HOST_SOURCE, "work", false);
    pyro_mcp_paths_finish(&paths);
    start(".", NULL, &paths);
    is_int(paths.count, 0, "what holds a home");
    pyro_mcp_paths_finish(&paths);
    start("home", ".", &paths);
    check(&paths, PYRO_HOST_SOURCE, "work", true);
    check(&paths, PYRO_HOST_SOURCE, ".", false);
    check(&paths, PYRO_HOST_SOURCE, ".ssh", false);
    check(&paths, PYRO_HOST_SOURCE, ".config", false);
    check(&paths, PYRO_HOST_OUTPUT, ".bashrc", false);
    check(&paths, PYRO_HOST_OUTPUT, ".config/new", false);
    check(&paths, PYRO_HOST_OUTPUT, "result", true);
    pyro_mcp_paths_finish(&paths);
}

static void test_named(void)
{
    struct pyro_mcp_paths paths;
    start("home/work", "../.config ../../other", &paths);
    check(&paths, PYRO_HOST_SOURCE, "../.config", true);
    check(&paths, PYRO_HOST_SOURCE, "../../other", true);
    check(&paths, PYRO_HOST_SOURCE, "sub", false);
    check(&paths, PYRO_HOST_OUTPUT, "../../other/new", true);
    pyro_mcp_paths_finish(&paths);
    cleanup_json json_t *roots = json_pack("[s]", "nothing");
    is_int(pyro_mcp_paths_init(&paths, roots, &error), -1, "a root that is not there");
    is_text(error.field, "allow_path", "is told of");
    pyro_mcp_paths_finish(&paths);
}

int main(void)
{
    make_place();
    test_current();
    test_home();
    test_named();
    return pyro_tree_remove_at(AT_FDCWD, place) < 0 || tap_done();
}
