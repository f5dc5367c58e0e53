#include "mcp/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

struct pyro_mcp_root {
    int fd;     /* O_PATH */
    char *path; /* as it was given, absolute */
    char *real; /* without symlinks */
};

const char *const pyro_mcp_secrets[] = {
    ".ssh",         ".aws",
    ".gnupg",       ".config",
    ".kube",        ".docker",
    ".netrc",       ".azure",
    ".pypirc",      ".git-credentials",
    ".vault-token", ".password-store",
    ".pgpass",      ".mozilla",
    ".thunderbird", NULL,
};

/* Settings of programs, which they obey, and tokens among them. A project may have some of its own,
 * so they are not left out of a tree; but nobody need name them. */
static const char *const settings[] = {".npmrc", ".local", ".claude",      ".claude.json",
                                       ".codex", ".cargo", ".terraform.d", NULL};

static bool is_named(const char *name, size_t length, const char *const *names)
{
    for (; *names; names++) {
        if (strlen(*names) == length && strncmp(*names, name, length) == 0)
            return true;
    }
    return false;
}

/* Whether the path is `directory` or below it. With what follows that, without slash. */
static bool is_below(const char *path, const char *directory, const char **ret_rest)
{
    size_t length = strlen(directory);
    length -= length > 0 && directory[length - 1] == '/'; /* the root of all */
    if (strncmp(path, directory, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return false;
    *ret_rest = path + length + (path[length] == '/');
    return true;
}

static bool has_component(const char *path, const char *const *names)
{
    while (*path) {
        size_t length = strcspn(path, "/");
        if (is_named(path, length, names))
            return true;
        path += length + (path[length] == '/');
    }
    return false;
}

/* A root may be inside of such a place: then it was named. */
static bool is_private(const char *path)
{
    return has_component(path, pyro_mcp_secrets) || has_component(path, settings);
}

/* Absolute, and without ".", ".." and empty names. Where a symlink makes ".." mean something else
 * than this, the path leads to another place than its author thought, but to none that is not
 * allowed. To be freed. */
static char *normalize(const char *directory, const char *path)
{
    cleanup_free char *whole =
        *path == '/' ? strdup(path) : pyro_text_format("%s/%s", directory, path);
    char *result = whole ? calloc(1, strlen(whole) + 2) : NULL;
    size_t used = 0, length;
    for (const char *at = whole; result && *at; at += length) {
        at += strspn(at, "/");
        length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0) {
            while (used > 0 && result[--used] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *at == '.')) {
            result[used++] = '/';
            memcpy(result + used, at, length);
            used += length;
        }
        result[used] = '\0';
    }
    if (result && used == 0)
        result[0] = '/';
    return result;
}

/* Where a descriptor is now. */
static char *real_path(int fd)
{
    char link[32], target[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof(target) - 1);
    return size > 0 ? strndup(target, (size_t)size) : NULL;
}

/* ---- roots ---- */

static int add_root(struct pyro_mcp_paths *paths, const char *path, struct pyro_error *error)
{
    struct pyro_mcp_root *root = &paths->roots[paths->count];
    root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0) {
        pyro_error_set_errno(error, PYRO_ERROR_INVALID_PARAMETER, errno,
                             "cannot allow paths below %.200s", path);
        pyro_error_hint(error, "give a directory that is there");
        return pyro_error_field(error, "allow_path");
    }
    paths->count++;
    root->path = normalize(paths->directory, path);
    root->real = real_path(root->fd);
    return root->path && root->real ? 0 : pyro_error_no_memory(error);
}

/* Clients start servers anywhere, in a home or at the root of all as well. Nobody has said that a
 * model may have all of that. */
static int add_current(struct pyro_mcp_paths *paths, struct pyro_error *error)
{
    const char *rest;
    if (strcmp(paths->directory, "/") == 0 || is_below(paths->home, paths->directory, &rest))
        return 0;
    return add_root(paths, ".", error);
}

static char *find_home(void)
{
    const char *home = getenv("HOME");
    const struct passwd *user = home ? NULL : getpwuid(getuid());
    char *real = realpath(home ? home : user ? user->pw_dir : "", NULL);
    return real ? real : strdup("");
}

int pyro_mcp_paths_init(struct pyro_mcp_paths *paths, const json_t *roots, struct pyro_error *error)
{
    size_t index, count = MAX(json_array_size(roots), (size_t)1);
    const json_t *root;
    *paths = (struct pyro_mcp_paths){.roots = calloc(count, sizeof(*paths->roots)),
                                     .directory = getcwd(NULL, 0),
                                     .home = find_home()};
    if (!paths->directory) /* it was removed */
        paths->directory = strdup("/");
    if (!paths->roots || !paths->directory || !paths->home)
        return pyro_error_no_memory(error);
    if (!roots)
        return add_current(paths, error);
    json_array_foreach((json_t *)roots, index, root)
    {
        if (add_root(paths, json_string_value(root), error) < 0)
            return -1;
    }
    return 0;
}

void pyro_mcp_paths_finish(struct pyro_mcp_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        close(paths->roots[i].fd);
        free(paths->roots[i].path);
        free(paths->roots[i].real);
    }
    free(paths->roots);
    free(paths->directory);
    free(paths->home);
    *paths = (struct pyro_mcp_paths){0};
}

/* ---- a path ---- */

/* A path on its way to a descriptor. */
struct request {
    const struct pyro_mcp_paths *paths;
    const char *given, *field;
    enum pyro_host_path kind;
};

static int refuse(const struct request *request, const char *problem, const char *hint,
                  struct pyro_error *error)
{
    cleanup_free char *shown =
        pyro_text_to_utf8(request->given, strnlen(request->given, 200), NULL);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%s '%s' %s", request->field,
                   shown ? shown : "", problem);
    pyro_error_hint(error, "%s", hint);
    return pyro_error_field(error, request->field);
}

static int refuse_outside(const struct request *request, struct pyro_error *error)
{
    const struct pyro_mcp_paths *paths = request->paths;
    cleanup_free char *hint =
        paths->count > 0
            ? pyro_text_format("give a path below %.200s%s; whoever starts the server can allow "
                               "more: pyro mcp serve --allow-path DIR",
                               paths->roots[0].path,
                               paths->count > 1 ? ", or another directory it was started with" : "")
            : strdup("the server was started without a directory that may be used; whoever starts "
                     "it can allow one: pyro mcp serve --allow-path DIR");
    return refuse(request, "is not below a directory that this server may use", hint ? hint : "",
                  error);
}

static int refuse_secret(const struct request *request, struct pyro_error *error)
{
    return refuse(request, "is where secrets or settings are kept, which tools do not touch",
                  "give another path", error);
}

static int refuse_errno(const struct request *request, int errnum, struct pyro_error *error)
{
    bool is_output = request->kind == PYRO_HOST_OUTPUT;
    if (errnum == EXDEV || errnum == ELOOP)
        return refuse_outside(request, error);
    if (errnum == ENOENT || errnum == ENOTDIR)
        return refuse(request, is_output ? "is in no directory that is there" : "is not there",
                      is_output ? "give a path in a directory that is there" : "check the path",
                      error);
    if (errnum == ENOSYS)
        return refuse(request, "cannot be opened safely: this kernel has no openat2",
                      "Linux 5.6 and later have it", error);
    pyro_error_set_errno(error, PYRO_ERROR_INVALID_PARAMETER, errnum, "%s cannot be opened",
                         request->field);
    return pyro_error_field(error, request->field);
}

/* Retried when somebody renames directories meanwhile. */
static int open_beneath(int root, const char *path, uint64_t flags)
{
    enum { TRIES = 8 };
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;
    int tries = 0;
    do
        fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN && ++tries < TRIES);
    return fd < 0 ? -errno : (int)fd;
}

/* What is made in a home under such a name, programs and shells obey; and so does git. */
static bool is_obeyed(const struct request *request, const char *directory, const char *name)
{
    static const char *const obeyed[] = {".git", ".vscode", ".idea", NULL};
    return strcmp(directory, request->paths->home) == 0
               ? name[0] == '.'
               : has_component(name, obeyed) || has_component(directory, obeyed);
}

/* Looks at what the descriptor really is, whatever symlinks led there. */
static int judge(const struct request *request, const struct pyro_mcp_root *root, int fd,
                 const char *name, struct pyro_error *error)
{
    const char *rest = "";
    cleanup_free char *real = real_path(fd);
    if (!real)
        return pyro_error_no_memory(error);
    if (!is_below(real, root->real, &rest))
        return refuse_outside(request, error);
    if (is_private(rest) || is_private(name))
        return refuse_secret(request, error);
    if (request->kind == PYRO_HOST_OUTPUT && is_obeyed(request, real, name))
        return refuse_secret(request, error);
    if (request->kind == PYRO_HOST_SOURCE && *request->paths->home &&
        is_below(request->paths->home, real, &rest))
        return refuse(request, "holds a whole home, with its secrets", "give a directory in it",
                      error);
    return 0;
}

/* `rest`: below the root. */
static int open_below(const struct request *request, const struct pyro_mcp_root *root, char *rest,
                      struct pyro_error *error)
{
    bool is_output = request->kind == PYRO_HOST_OUTPUT;
    char *name = strrchr(rest, '/');
    if (is_output && *rest == '\0')
        return refuse(request, "is a directory that was allowed, not a place in it",
                      "end the path with the name of what is to be made", error);
    const char *directory = is_output ? "" : rest;
    if (is_output && name) {
        *name = '\0';
        directory = rest;
    }
    cleanup_close int fd = open_beneath(root->fd, directory, is_output ? O_DIRECTORY : 0);
    if (fd < 0)
        return refuse_errno(request, -fd, error);
    if (judge(request, root, fd, !is_output ? "" : name ? name + 1 : rest, error) < 0)
        return -1;
    return steal_fd(&fd);
}

int pyro_mcp_path_open(const struct pyro_mcp_paths *paths, const char *path,
                       enum pyro_host_path kind, const char *field, struct pyro_error *error)
{
    const struct request request = {paths, path, field, kind};
    cleanup_free char *whole = normalize(paths->directory, path);
    const struct pyro_mcp_root *best = NULL;
    const char *rest = "", *found;
    if (!whole)
        return pyro_error_no_memory(error);
    for (size_t i = 0; i < paths->count; i++) {
        const struct pyro_mcp_root *root = &paths->roots[i];
        if (!is_below(whole, root->path, &found) && !is_below(whole, root->real, &found))
            continue;
        if (!best || strlen(found) < strlen(rest)) { /* the innermost root */
            best = root;
            rest = found;
        }
    }
    if (!best)
        return refuse_outside(&request, error);
    cleanup_free char *below = strdup(rest);
    return below ? open_below(&request, best, below, error) : pyro_error_no_memory(error);
}
