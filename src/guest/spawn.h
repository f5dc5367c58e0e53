/* One child process inside a cgroup: environment, working directory, search in PATH, exec. */
#ifndef PYRO_GUEST_SPAWN_H
#define PYRO_GUEST_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire/message.h"

/* The child's environment: the defaults, then the frame's. `pwd` is "PWD=…". The array is the
 * caller's to free, the strings are not. NULL when out of memory. */
char **pyro_environment_make(const struct pyro_exec *exec, const char *pwd);
/* Value of a variable, NULL when it is not set. */
const char *pyro_environment_get(char *const *environment, const char *name);

struct pyro_launch {
    const struct pyro_exec *exec;
    const char *directory; /* working directory */
    char *const *environment;
    int descriptors[3]; /* become stdin, stdout, stderr */
    int cgroup;         /* directory of the child's cgroup */
};

/* What the child could not do. */
struct pyro_launch_failure {
    int error;         /* a positive errno */
    bool in_directory; /* it was the working directory, not the program */
};

/* Returns the child's pid once it has executed the program, or -1 and what went wrong. */
pid_t pyro_launch(const struct pyro_launch *launch, struct pyro_launch_failure *ret_failure);

#endif
