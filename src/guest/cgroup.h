/* One cgroup per command, so that all it started can be ended, whatever it called itself since. */
#ifndef PYRO_GUEST_CGROUP_H
#define PYRO_GUEST_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* A cgroup whose command is over, while processes may still live in it. */
struct pyro_leftover {
    struct pyro_leftover *next;
    uint64_t number;
};

struct pyro_cgroup {
    uint64_t number;
    struct pyro_leftover *leftover; /* allocated beforehand: letting go cannot fail */
    bool is_spoiled;                /* no process could be born into it */
};

struct pyro_cgroups {
    int directory;   /* /sys/fs/cgroup/pyro */
    int controllers; /* its cgroup.subtree_control: those that its children have */
    uint64_t last_number;
    struct pyro_leftover *leftovers;
    struct pyro_cgroup idle; /* an empty one for the next command; number 0: there is none */
};

/* Each returns 0 or a negative errno. */
int pyro_cgroups_init(struct pyro_cgroups *cgroups);
int pyro_cgroup_create(struct pyro_cgroups *cgroups, struct pyro_cgroup *ret_cgroup);
int pyro_cgroup_kill(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup);
/* Any signal to each process that is in it now, or in one of those its command has made below it:
 * as many and as deep as docs/PROTOCOL.md says. */
int pyro_cgroup_signal(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup, int signal);

/* Whether any process lives in it. */
bool pyro_cgroup_is_populated(const struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup);

/* The cgroup's directory, for clone3 and cgroup.procs; the caller closes it. */
int pyro_cgroup_open(struct pyro_cgroups *cgroups, const struct pyro_cgroup *cgroup);

/* The command is over: the next one may have it if nothing lives in it, else it goes as soon as
 * that is so, and what its command has made below it. */
void pyro_cgroup_release(struct pyro_cgroups *cgroups, struct pyro_cgroup *cgroup);

/* Removes what became empty. Called when children ended. */
void pyro_cgroups_sweep(struct pyro_cgroups *cgroups);

#endif
