#include "guest/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

/* 1 when there was anybody, 0, or a negative errno. */
static int signal_each(int directory, int signal)
{
    enum { LARGEST = 1024 * 1024 };
    cleanup_free char *pids = NULL;
    int r = pyro_file_read_at(directory, "cgroup.procs", LARGEST, &pids, NULL);
    if (r < 0)
        return r;
    for (char *at = pids; *at; at += *at == '\n')
        kill((pid_t)strtol(at, &at, 10), signal);
    return pids[0] != '\0';
}

int pyro_cgroup_signal(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup, int signal)
{
    cleanup_close int directory = pyro_cgroup_open(cgroups, cgroup);
    return directory < 0 ? directory : MIN(signal_each(directory, signal), 0);
}

/* Kernels before 5.14: over and over, because a process may fork between two looks. */
static int kill_one_by_one(int directory)
{
    enum { ROUNDS = 1000 };
    int r = 1;
    for (int round = 0; r > 0 && round < ROUNDS; round++)
        r = signal_each(directory, SIGKILL);
    return r > 0 ? -EAGAIN : r;
}

int pyro_cgroup_kill(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup)
{
    cleanup_close int directory = pyro_cgroup_open(cgroups, cgroup);
    if (directory < 0)
        return directory;
    cleanup_close int fd = openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? kill_one_by_one(directory) : -errno;
    return pyro_fd_write_all(fd, "1", 1);
}

static int remove_directory(struct pyro_cgroups *cgroups, uint64_t number)
{
    char name[NAME_SIZE];
    return unlinkat(cgroups->directory, name_of(number, name), AT_REMOVEDIR);
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
    if (remove_directory(cgroups, cgroup->number) == 0) {
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
        if (remove_directory(cgroups, leftover->number) < 0 && errno == EBUSY) {
            at = &leftover->next;
            continue;
        }
        *at = leftover->next;
        free(leftover);
    }
}
