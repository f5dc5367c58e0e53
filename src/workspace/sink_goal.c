/* Where an exported tree goes: the goal is looked at, the new thing is made beside it, and takes
 * its place in one step when all of it is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/sink_parts.h"

enum { TRIES = 16 };

/* ---- errors ---- */

static int refuse(const struct pyro_sink_goal *goal, const char *problem, const char *hint,
                  struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "exporting to %s: %s", goal->shown.text,
                   problem);
    pyro_error_field(error, "output_path");
    return pyro_error_hint(error, "%s", hint);
}

static int refuse_errno(const struct pyro_sink_goal *goal, const char *problem, int r,
                        struct pyro_error *error)
{
    pyro_error_set_errno(error, PYRO_ERROR_INVALID_PARAMETER, r, "exporting to %s: %s",
                         goal->shown.text, problem);
    pyro_error_field(error, "output_path");
    if (error && error->code == PYRO_ERROR_INVALID_PARAMETER)
        pyro_error_hint(error, "name another place");
    return -1;
}

static int refuse_existing(const struct pyro_sink_goal *goal, struct pyro_error *error)
{
    return refuse(goal, "there is something already",
                  "name another place, or replace what is there with --force (force)", error);
}

static int refuse_mount(const struct pyro_sink_goal *goal, struct pyro_error *error)
{
    return refuse(goal, "it is a mount point or holds one, and cannot be replaced",
                  "name another place", error);
}

/* ---- looking at the goal ---- */

/* "a/b/" is "a" and "b". */
static int split(struct pyro_sink_goal *goal, const char *path, char **ret_parent)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *parent = strndup(path, length);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    goal->name = parent ? strdup(slash ? slash + 1 : parent) : NULL;
    if (slash)
        slash[slash == parent] = '\0';
    else if (parent)
        strcpy(parent, *parent ? "." : "");
    *ret_parent = parent;
    return goal->name ? 0 : -ENOMEM;
}

static int open_parent(struct pyro_sink_goal *goal, int held, const char *path,
                       struct pyro_error *error)
{
    goal->parent =
        held < 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : fcntl(held, F_DUPFD_CLOEXEC, 3);
    if (goal->parent >= 0)
        return 0;
    if (errno != ENOENT && errno != ENOTDIR)
        return refuse_errno(goal, "the directory that it is in cannot be opened", errno, error);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   errno == ENOENT ? "exporting to %s: there is no directory %s"
                                   : "exporting to %s: %s is no directory",
                   goal->shown.text, pyro_show_path(path).text);
    pyro_error_field(error, "output_path");
    return pyro_error_hint(error, "make the directory first, or name another place");
}

static int look_at_existing(const struct pyro_sink_goal *goal, struct pyro_error *error)
{
    struct stat status;
    if (fstatat(goal->parent, goal->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : refuse_errno(goal, "it cannot be", errno, error);
    if (!goal->force)
        return refuse_existing(goal, error);
    int r = pyro_sink_can_remove(goal->parent, goal->name);
    if (r == -EBUSY)
        return refuse_mount(goal, error);
    return r < 0 ? refuse_errno(goal, "what is there cannot be removed", r, error) : 0;
}

int pyro_sink_goal_open(struct pyro_sink_goal *goal, int parent, const char *output_path,
                        bool force, struct pyro_error *error)
{
    enum { LONGEST = NAME_MAX - (int)sizeof("..pyro-old-XXXXXX") };
    cleanup_free char *parent_path = NULL;
    *goal = (struct pyro_sink_goal){
        .parent = -1, .held = -1, .force = force, .shown = pyro_show_path(output_path)};
    if (*output_path == '\0')
        return refuse(goal, "no path is given", "say where it is to go on this host", error);
    if (split(goal, output_path, &parent_path) < 0)
        return pyro_error_no_memory(error);
    if (*goal->name == '\0' || strcmp(goal->name, ".") == 0 || strcmp(goal->name, "..") == 0)
        return refuse(goal, "it cannot be replaced",
                      "end the path with the name of what is to be made", error);
    if (open_parent(goal, parent, parent_path, error) < 0 || look_at_existing(goal, error) < 0)
        return -1;
    snprintf(goal->prefix, sizeof(goal->prefix), ".%.*s.pyro-", LONGEST, goal->name);
    pyro_sink_stale_remove(goal->parent, goal->prefix);
    return 0;
}

/* ---- the new thing ---- */

static void make_name(const struct pyro_sink_goal *goal, const char *infix,
                      char ret_name[NAME_MAX + 1])
{
    static const char letters[] = PYRO_SINK_LETTERS;
    unsigned char bytes[PYRO_SINK_RANDOM] = {0};
    char random[PYRO_SINK_RANDOM + 1] = "";
    (void)!getrandom(bytes, sizeof(bytes), 0); /* a name that is taken is tried again */
    for (size_t i = 0; i < sizeof(bytes); i++)
        random[i] = letters[bytes[i] % (sizeof(letters) - 1)];
    snprintf(ret_name, NAME_MAX + 1, "%s%s%s", goal->prefix, infix, random);
}

static int create(int parent, const char *name, enum pyro_tree_kind kind, const char *target)
{
    switch (kind) {
    case PYRO_TREE_DIRECTORY:
        return mkdirat(parent, name, 0700);
    case PYRO_TREE_SYMLINK:
        return symlinkat(target, parent, name);
    default:
        return openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
}

/* Locks the new thing. Another sink for the same goal may have taken it for a stale one between its
 * making and this: -EEXIST, and another is to be made. */
static int hold(struct pyro_sink_goal *goal)
{
    struct stat held, named;
    if (flock(goal->held, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -EEXIST;
    /* Where locks cannot be had, nobody else has one either. */
    if (fstat(goal->held, &held) < 0)
        return -errno;
    if (fstatat(goal->parent, goal->temporary, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? -EEXIST : -errno;
    return held.st_dev == named.st_dev && held.st_ino == named.st_ino ? 0 : -EEXIST;
}

static int make_once(struct pyro_sink_goal *goal, enum pyro_tree_kind kind, const char *target)
{
    char name[NAME_MAX + 1];
    make_name(goal, "", name);
    int fd = create(goal->parent, name, kind, target);
    if (fd < 0)
        return -errno;
    strcpy(goal->temporary, name);
    if (kind == PYRO_TREE_SYMLINK)
        return 0;
    if (kind == PYRO_TREE_DIRECTORY)
        fd = openat(goal->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -EEXIST : -errno;
    goal->held = fd;
    int r = hold(goal);
    if (r == -EEXIST) { /* it belongs to who removes it */
        goal->temporary[0] = '\0';
        close(steal_fd(&goal->held));
    }
    return r;
}

int pyro_sink_goal_make(struct pyro_sink_goal *goal, enum pyro_tree_kind kind, const char *target,
                        struct pyro_error *error)
{
    int r = -EEXIST;
    for (int i = 0; r == -EEXIST && i < TRIES; i++)
        r = make_once(goal, kind, target);
    return r < 0 ? refuse_errno(goal, "nothing can be made in its directory", r, error) : 0;
}

/* ---- putting it in place ---- */

/* What a kernel or file system answers that does not know a flag of renameat2(), and a container's
 * filter that does not know the call. */
static bool is_unsupported(int errnum)
{
    return errnum == EINVAL || errnum == ENOSYS || errnum == EPERM;
}

/* An empty directory of our own is there until the rename, so that nobody else's can be. */
static int place_new_directory(struct pyro_sink_goal *goal)
{
    if (mkdirat(goal->parent, goal->name, 0700) < 0)
        return -errno;
    if (renameat(goal->parent, goal->temporary, goal->parent, goal->name) == 0)
        return 0;
    int r = -errno;
    unlinkat(goal->parent, goal->name, AT_REMOVEDIR);
    return r;
}

static int place_new_other(struct pyro_sink_goal *goal)
{
    if (linkat(goal->parent, goal->temporary, goal->parent, goal->name, 0) < 0)
        return -errno;
    return unlinkat(goal->parent, goal->temporary, 0) < 0 ? -errno : 0;
}

static int place_new(struct pyro_sink_goal *goal, enum pyro_tree_kind kind)
{
    int in = goal->parent;
    if (renameat2(in, goal->temporary, in, goal->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (!is_unsupported(errno))
        return -errno;
    return kind == PYRO_TREE_DIRECTORY ? place_new_directory(goal) : place_new_other(goal);
}

/* The old thing goes aside under a name that is never taken for a stale one: if this is killed in
 * between, it is all that there is. */
static int place_aside(struct pyro_sink_goal *goal)
{
    char aside[NAME_MAX + 1];
    int in = goal->parent;
    make_name(goal, "old-", aside);
    if (renameat(in, goal->name, in, aside) < 0)
        return -errno;
    if (renameat(in, goal->temporary, in, goal->name) < 0) {
        int r = -errno;
        renameat(in, aside, in, goal->name);
        return r;
    }
    strcpy(goal->temporary, aside);
    return 0;
}

/* 1: what was there has the temporary name now. 0: it is gone, or there was nothing. */
static int place_over(struct pyro_sink_goal *goal)
{
    int in = goal->parent;
    if (renameat(in, goal->temporary, in, goal->name) == 0)
        return 0;
    if (errno != EISDIR && errno != ENOTDIR && errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    if (renameat2(in, goal->temporary, in, goal->name, RENAME_EXCHANGE) == 0)
        return 1;
    int r = is_unsupported(errno) ? place_aside(goal) : -errno;
    return r < 0 ? r : 1;
}

static int fail_to_place(const struct pyro_sink_goal *goal, int r, struct pyro_error *error)
{
    if (r == -EBUSY)
        return refuse_mount(goal, error);
    if (!goal->force && (r == -EEXIST || r == -ENOTEMPTY))
        return refuse_existing(goal, error);
    return refuse_errno(goal, "it cannot be put there", r, error);
}

static int remove_old(struct pyro_sink_goal *goal, struct pyro_error *error)
{
    int r = pyro_sink_remove_at(goal->parent, goal->temporary);
    if (r == 0 || r == -ENOENT) /* another sink may have taken it for a stale one, and removes it */
        return 0;
    pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                         "exporting to %s: it is there, but what it replaced cannot be removed",
                         goal->shown.text);
    return pyro_error_hint(error, "remove %s beside it yourself",
                           pyro_show_path(goal->temporary).text);
}

int pyro_sink_goal_place(struct pyro_sink_goal *goal, enum pyro_tree_kind kind,
                         struct pyro_error *error)
{
    int r = goal->force ? place_over(goal) : place_new(goal, kind);
    if (r < 0)
        return fail_to_place(goal, r, error);
    r = r == 1 ? remove_old(goal, error) : 0;
    goal->temporary[0] = '\0';
    return r;
}

void pyro_sink_goal_finish(struct pyro_sink_goal *goal)
{
    if (goal->temporary[0])
        pyro_sink_remove_at(goal->parent, goal->temporary);
    pyro_cleanup_close(&goal->held);
    pyro_cleanup_close(&goal->parent);
    free(goal->name);
    *goal = (struct pyro_sink_goal){.parent = -1, .held = -1};
}
