#include "guest/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

static const char parent[] = "/sys/fs/cgroup/pyro";

enum { NAME_SIZE = 24 };

enum { MOST_VISITS = 1024, MOST_LEVELS = 32 }; /* of a way through a cgroup and those below it */

static const char *name_of(uint64_t number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu64, number);
    return name;
}

/* Deeper ones, which could not be walked through, are not made; a command that lifts the limit has
 * itself to blame. */
static int limit_depth(int directory)
{
    cleanup_close int fd = openat(directory, "cgroup.max.depth", O_WRONLY | O_CLOEXEC);
    return fd < 0 || dprintf(fd, "%d", MOST_LEVELS) < 0 ? -errno : 0;
}

int pyro_cgroups_init(struct pyro_cgroups *cgroups)
{
    *cgroups = (struct pyro_cgroups){.directory = -1, .controllers = -1};
    if (mkdir(parent, 0755) < 0 && errno != EEXIST)
        return -errno;
    cgroups->directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroups->directory < 0)
        return -errno;
    cgroups->controllers =
        openat(cgroups->directory, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
    return cgroups->controllers < 0 ? -errno : limit_depth(cgroups->directory);
}

int pyro_cgroup_create(struct pyro_cgroups *cgroups, struct pyro_cgroup *ret_cgroup)
{
    char name[NAME_SIZE];
    if (cgroups->idle.number) {
        *ret_cgroup = cgroups->idle;
        cgroups->idle = (struct pyro_cgroup){0};
        return 0;
    }
    uint64_t number = ++cgroups->last_number;
    cleanup_free struct pyro_leftover *leftover = malloc(sizeof(*leftover));
    if (!leftover)
        return -ENOMEM;
    if (mkdirat(cgroups->directory, name_of(number, name), 0755) < 0)
        return -errno;
    *ret_cgroup = (struct pyro_cgroup){.number = number, .leftover = steal_pointer(&leftover)};
    return 0;
}

/* -EXDEV for what a command has mounted there: it is no cgroup, or another command's. */
static int open_below(int directory, const char *path, int flags)
{
    const struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK),
                                 .resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH};
    int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

static int open_file(int above, const char *name, const char *file, int flags)
{
    char path[NAME_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", name, file);
    return open_below(above, path, flags);
}

int pyro_cgroup_open(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char name[NAME_SIZE];
    return open_below(cgroups->directory, name_of(cgroup->number, name), O_RDONLY | O_DIRECTORY);
}

/* A way through a cgroup and those below it, the lowest first. Commands are root and may make
 * cgroups without end: what is beyond the limits is not visited. */
struct cgroup_walk {
    int (*visit)(int above, const char *name, int argument); /* 1, 0 or a negative errno */
    int argument;
    int visits_left;
    bool any;  /* a visit returned 1 */
    int error; /* of the first visit that failed */
};

static void walk_cgroup(struct cgroup_walk *walk, int above, const char *name, int levels);

/* A directory has a link for each one in it, and two of its own. */
static bool has_below(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_nlink > 2;
}

static void walk_below(struct cgroup_walk *walk, int above, const char *name, int levels)
{
    int fd = open_below(above, name, O_RDONLY | O_DIRECTORY);
    DIR *stream = fd >= 0 && has_below(fd) ? fdopendir(fd) : NULL;
    struct dirent *entry;
    if (!stream) {
        pyro_cleanup_close(&fd);
        return;
    }
    while (walk->visits_left > 0 && (entry = readdir(stream))) {
        bool is_own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (entry->d_type == DT_DIR && !is_own)
            walk_cgroup(walk, fd, entry->d_name, levels);
    }
    closedir(stream);
}

static void walk_cgroup(struct cgroup_walk *walk, int above, const char *name, int levels)
{
    if (walk->visits_left <= 0)
        return;
    walk->visits_left--;
    if (levels > 1)
        walk_below(walk, above, name, levels - 1);
    int r = walk->visit(above, name, walk->argument);
    walk->any |= r > 0;
    walk->error = walk->error ? walk->error : MIN(r, 0);
}

/* 1 when there was anybody. A threaded cgroup names no process: the one above it that is not
 * threaded names them all (cgroups(7)). */
static int signal_members(int above, const char *name, int signal)
{
    enum { LARGEST = 1024 * 1024 };
    cleanup_free char *pids = NULL;
    cleanup_close int fd = open_file(above, name, "cgroup.procs", O_RDONLY);
    int r = fd < 0 ? fd : pyro_fd_read_all(fd, LARGEST, &pids, NULL);
    if (r < 0)
        return r == -EOPNOTSUPP || r == -ENOENT || r == -ENODEV ? 0 : r; /* the last two: gone */
    char *at = pids;
    for (long pid; (pid = strtol(at, &at, 10)) > 0;)
        kill((pid_t)pid, signal);
    return at != pids;
}

/* 1 when there was anybody, 0, or a negative errno. */
static int signal_each(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup, int signal)
{
    char name[NAME_SIZE];
    struct cgroup_walk walk = {
        .visit = signal_members, .argument = signal, .visits_left = MOST_VISITS};
    walk_cgroup(&walk, cgroups->directory, name_of(cgroup->number, name), MOST_LEVELS);
    return walk.error ? walk.error : walk.any;
}

int pyro_cgroup_signal(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup, int signal)
{
    return MIN(signal_each(cgroups, cgroup, signal), 0);
}

/* Kernels before 5.14 have no cgroup.kill: over and over, because a process may fork between two
 * looks. */
static int kill_one_by_one(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    enum { ROUNDS = 1000 };
    int r = 1;
    for (int round = 0; r > 0 && round < ROUNDS; round++)
        r = signal_each(cgroups, cgroup, SIGKILL);
    return r > 0 ? -EAGAIN : r;
}

int pyro_cgroup_kill(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char name[NAME_SIZE];
    cleanup_close int fd =
        open_file(cgroups->directory, name_of(cgroup->number, name), "cgroup.kill", O_WRONLY);
    if (fd < 0)
        return kill_one_by_one(cgroups, cgroup);
    return pyro_fd_write_all(fd, "1", 1);
}

enum { EVENTS_SIZE = 64 };

/* cgroup.events, "" when it cannot be read. */
static void read_events(const struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup,
                        char events[EVENTS_SIZE])
{
    char name[NAME_SIZE];
    cleanup_free char *text = NULL;
    cleanup_close int fd =
        open_file(cgroups->directory, name_of(cgroup->number, name), "cgroup.events", O_RDONLY);
    if (fd >= 0)
        pyro_fd_read_all(fd, EVENTS_SIZE - 1, &text, NULL);
    snprintf(events, EVENTS_SIZE, "%s", text ? text : "");
}

/* Whether those below have controllers, and so limits that a command may have set. */
static bool has_controllers(const struct pyro_cgroups *cgroups)
{
    char first;
    return pread(cgroups->controllers, &first, 1, 0) != 0;
}

/* As good as new: no process, not frozen, no cgroup below it, no limits. */
static bool is_unused(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char events[EVENTS_SIZE];
    read_events(cgroups, cgroup, events);
    if (cgroup->is_spoiled || strcmp(events, "populated 0\nfrozen 0\n") != 0 ||
        has_controllers(cgroups))
        return false;
    cleanup_close int fd = pyro_cgroup_open(cgroups, cgroup);
    return fd >= 0 && !has_below(fd);
}

bool pyro_cgroup_is_populated(const struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char events[EVENTS_SIZE];
    read_events(cgroups, cgroup, events);
    return strstr(events, "populated 1") != NULL;
}

static int remove_one(int above, const char *name, int unused)
{
    (void)unused;
    return unlinkat(above, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* With what its command has made below it. -EBUSY: not yet. */
static int remove_all(struct pyro_cgroups *cgroups, uint64_t number)
{
    char name[NAME_SIZE];
    const struct pyro_cgroup cgroup = {.number = number};
    int r = remove_one(cgroups->directory, name_of(number, name), 0);
    if (r != -EBUSY || pyro_cgroup_is_populated(cgroups, &cgroup))
        return r;
    struct cgroup_walk walk = {.visit = remove_one, .visits_left = MOST_VISITS};
    walk_cgroup(&walk, cgroups->directory, name, MOST_LEVELS);
    return walk.error;
}

/* Removing a cgroup and making another one costs the kernel more than the two system calls: much of
 * it is done later, while the next command runs. */
void pyro_cgroup_release(struct pyro_cgroups *cgroups, struct pyro_cgroup *cgroup)
{
    if (cgroups->idle.number == 0 && is_unused(cgroups, cgroup)) {
        cgroups->idle = *cgroup;
        *cgroup = (struct pyro_cgroup){0};
        return;
    }
    struct pyro_leftover *leftover = steal_pointer(&cgroup->leftover);
    if (remove_all(cgroups, cgroup->number) == 0) {
        free(leftover);
        return;
    }
    leftover->number = cgroup->number;
    leftover->next = cgroups->leftovers;
    cgroups->leftovers = leftover;
}

void pyro_cgroups_sweep(struct pyro_cgroups *cgroups)
{
    struct pyro_leftover **at = &cgroups->leftovers;
    while (*at) {
        struct pyro_leftover *leftover = *at;
        if (remove_all(cgroups, leftover->number) == -EBUSY) {
            at = &leftover->next;
            continue;
        }
        *at = leftover->next;
        free(leftover);
    }
}
