/* The side of a command's process: what it does between its birth and exec. */
#ifndef PYRO_GUEST_CHILD_H
#define PYRO_GUEST_CHILD_H

#include "wire/message.h"

/* What it could not do, or is about to. */
enum pyro_launch_step {
    PYRO_LAUNCH_DIRECTORY,
    PYRO_LAUNCH_PROGRAM,
};

struct pyro_launch_failure {
    enum pyro_launch_step step;
    int error; /* a positive errno; 0: none */
};

/* What agent and process share until exec: the process runs in the agent's memory, while the agent
 * waits. */
struct pyro_launch {
    const struct pyro_exec *exec;
    int streams[3]; /* its stdin, stdout, stderr */
    struct pyro_launch_failure failure;
    void *allocated[3]; /* by the process, for the agent to free */
};

/* Executes the program. Comes back only to end the process, when it could not. */
__attribute__((noreturn)) void pyro_child_run(struct pyro_launch *launch);

/* The environment of a command: the defaults, then EXEC's. `shell` is "SHELL=…", `pwd` is "PWD=…".
 * The array is the caller's to free, the strings are not. NULL when out of memory
 * (environment.c). */
char **pyro_environment_make(const struct pyro_exec *exec, const char *shell, const char *pwd);
/* Value of a variable, NULL when it is not set. */
const char *pyro_environment_get(char *const *environment, const char *name);

#endif
