#include "guest/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"

static const char parent[] = "/sys/fs/cgroup/pyro";

enum { NAME_SIZE = 24 };

static const char *name_of(uint64_t number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu64, number);
    return name;
}

int pyro_cgroups_init(struct pyro_cgroups *cgroups)
{
    *cgroups = (struct pyro_cgroups){.directory = -1};
    if (mkdir(parent, 0755) < 0 && errno != EEXIST)
        return -errno;
    cgroups->directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return cgroups->directory < 0 ? -errno : 0;
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

int pyro_cgroup_open(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char name[NAME_SIZE];
    int fd = openat(cgroups->directory, name_of(cgroup->number, name),
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
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

enum { MOST_VISITS = 1024, MOST_LEVELS = 32 };

static void walk_cgroup(struct cgroup_walk *walk, int above, const char *name, int levels);

static void walk_below(struct cgroup_walk *walk, int above, const char *name, int levels)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!stream) {
        pyro_cleanup_close(&fd);
        return;
    }
    while ((entry = readdir(stream))) {
        bool is_own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (entry->d_type == DT_DIR && !is_own)
            walk_cgroup(walk, fd, entry->d_name, levels);
    }
    closedir(stream);
}

/* A directory has a link for each one in it, and two of its own. */
static bool has_below(int above, const char *name)
{
    struct stat status;
    return fstatat(above, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_nlink > 2;
}

static void walk_cgroup(struct cgroup_walk *walk, int above, const char *name, int levels)
{
    if (walk->visits_left <= 0)
        return;
    walk->visits_left--;
    if (levels > 1 && has_below(above, name))
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
    char path[NAME_MAX + sizeof("/cgroup.procs")];
    cleanup_free char *pids = NULL;
    snprintf(path, sizeof(path), "%s/cgroup.procs", name);
    int r = pyro_file_read_at(above, path, LARGEST, &pids, NULL);
    if (r < 0)
        return r == -EOPNOTSUPP || r == -ENOENT || r == -ENODEV ? 0 : r; /* the last two: gone */
    for (char *at = pids; *at; at += *at == '\n')
        kill((pid_t)strtol(at, &at, 10), signal);
    return pids[0] != '\0';
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

/* Kernels before 5.14: over and over, because a process may fork between two looks. */
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
    cleanup_close int directory = pyro_cgroup_open(cgroups, cgroup);
    if (directory < 0)
        return directory;
    cleanup_close int fd = openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? kill_one_by_one(cgroups, cgroup) : -errno;
    return pyro_fd_write_all(fd, "1", 1);
}

enum { EVENTS_SIZE = 64 };

/* cgroup.events, "" when it cannot be read. */
static void read_events(const struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup,
                        char events[EVENTS_SIZE])
{
    char path[NAME_SIZE + sizeof("/cgroup.events")], name[NAME_SIZE];
    cleanup_free char *text = NULL;
    snprintf(path, sizeof(path), "%s/cgroup.events", name_of(cgroup->number, name));
    pyro_file_read_at(cgroups->directory, path, EVENTS_SIZE - 1, &text, NULL);
    snprintf(events, EVENTS_SIZE, "%s", text ? text : "");
}

/* As good as new: no process, not frozen, and no cgroup below it. */
static bool is_unused(const struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    char name[NAME_SIZE], events[EVENTS_SIZE];
    struct stat status;
    read_events(cgroups, cgroup, events);
    return !cgroup->is_spoiled &&
           fstatat(cgroups->directory, name_of(cgroup->number, name), &status, 0) == 0 &&
           status.st_nlink == 2 && strcmp(events, "populated 0\nfrozen 0\n") == 0;
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
    if (pyro_cgroup_is_populated(cgroups, &(struct pyro_cgroup){.number = number}))
        return -EBUSY;
    struct cgroup_walk walk = {.visit = remove_one, .visits_left = MOST_VISITS};
    walk_cgroup(&walk, cgroups->directory, name_of(number, name), MOST_LEVELS);
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
