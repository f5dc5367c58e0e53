/* The side of a command's process: what it does between fork and exec. */
#ifndef PYRO_GUEST_CHILD_H
#define PYRO_GUEST_CHILD_H

#include "wire/message.h"

/* What the child is born with, in the order of the descriptors that it uses them as. */
enum pyro_child_fd {
    PYRO_CHILD_NULL, /* its stdin unless EXEC brings one */
    PYRO_CHILD_STDOUT,
    PYRO_CHILD_STDERR,
    PYRO_CHILD_STDIN,  /* the pipe for the stdin that EXEC may bring */
    PYRO_CHILD_ORDERS, /* brings EXEC's payload, preceded by its length */
    PYRO_CHILD_REPORT, /* takes what could not be done */
    PYRO_CHILD_FDS,
};

/* What it could not do. */
enum pyro_launch_step {
    PYRO_LAUNCH_ORDERS, /* read the payload */
    PYRO_LAUNCH_DIRECTORY,
    PYRO_LAUNCH_PROGRAM,
};

struct pyro_launch_failure {
    enum pyro_launch_step step;
    int error; /* a positive errno */
};

/* Prepares all that does not depend on the command, waits for orders, and executes the program.
 * Reports only failures: with exec, the descriptor for it is closed. */
__attribute__((noreturn)) void pyro_child_run(int fds[PYRO_CHILD_FDS]);

/* The environment of a command: the defaults, then EXEC's. `shell` is "SHELL=…", `pwd` is "PWD=…".
 * The array is the caller's to free, the strings are not. NULL when out of memory
 * (environment.c). */
char **pyro_environment_make(const struct pyro_exec *exec, const char *shell, const char *pwd);
/* Value of a variable, NULL when it is not set. */
const char *pyro_environment_get(char *const *environment, const char *name);

#endif
