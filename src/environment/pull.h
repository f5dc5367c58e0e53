/* One pull under way: what its steps share, and how they tell the observer. */
#ifndef PYRO_ENVIRONMENT_PULL_H
#define PYRO_ENVIRONMENT_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "environment/environment.h"
#include "environment/staging.h"

struct pyro_pull {
    const struct pyro_home *home;
    const struct pyro_environment *environment;
    const struct pyro_observer *observer; /* may be NULL */
    struct pyro_staging staging;
    const char *phase;
    char message[160];
    uint64_t reported_ms;
};

/* Enters a phase, or says something new within it: always reported. */
void pyro_pull_phase(struct pyro_pull *pull, const char *phase, const char *message);

/* How far the phase is: reported a few times a second at most. */
void pyro_pull_advance(struct pyro_pull *pull, uint64_t done, uint64_t total);

bool pyro_pull_cancelled(const struct pyro_pull *pull);

/* PYRO_ERROR_CANCELLED. */
int pyro_pull_cancel(const struct pyro_pull *pull, struct pyro_error *error);

/* pyro_environment_pull() itself. The one thing that the module shows; the name is looked up. */
#define PYRO_PULL_SYMBOL "pyro_environment_pull_here"
typedef int pyro_pull_function(const struct pyro_home *home,
                               const struct pyro_environment *environment,
                               const struct pyro_observer *observer, struct pyro_error *error);
__attribute__((visibility("default"))) pyro_pull_function pyro_environment_pull_here;

#endif
