/* A command's process. What it needs is made ahead, so that no command has to wait for it. */
#ifndef PYRO_GUEST_SPAWN_H
#define PYRO_GUEST_SPAWN_H

#include <sys/types.h>

#include "guest/child.h"

/* Descriptors are -1 once they are closed or taken. */
struct pyro_spawn {
    pid_t pid;      /* 0 before it runs */
    int cgroup;     /* the directory of the one it is born into */
    int streams[3]; /* our ends of stdin, stdout, stderr: non-blocking */
    int theirs[3];  /* its ends; stdin is /dev/null unless the command brings one */
    int held;       /* its end of a terminal once more: see pyro_spawn_open_terminal() */
};

#define PYRO_SPAWN_NONE                                                                            \
    (struct pyro_spawn)                                                                            \
    {                                                                                              \
        .cgroup = -1, .streams = {-1, -1, -1}, .theirs = {-1, -1, -1}, .held = -1                  \
    }

/* Opens what a process needs; it owns `cgroup` afterwards. 0 or a negative errno. */
int pyro_spawn_prepare(int cgroup, struct pyro_spawn *ret_spawn);

/* A pipe in the place of /dev/null. 0 or a negative errno. */
int pyro_spawn_open_input(struct pyro_spawn *spawn);

/* A terminal in the place of all three: `streams` are its other end, twice (stdin and stdout), and
 * -1. It does not end when its programs have all closed it, as one may who opens it again later
 * (/dev/tty). 0 or a negative errno. */
int pyro_spawn_open_terminal(struct pyro_spawn *spawn, const struct pyro_terminal_size *size);
/* Another size for it; the programs in it hear of that. 0 or a negative errno. */
int pyro_terminal_resize(int terminal, const struct pyro_terminal_size *size);

/* Has a process execute what EXEC says, and returns when it does: 0. -ECANCELED when it could not,
 * `ret_failure` says what; another negative errno when there is no process. */
int pyro_spawn_run(struct pyro_spawn *spawn, const struct pyro_exec *exec,
                   struct pyro_launch_failure *ret_failure);

/* One letter: R, S, D, T, t, Z, as proc(5) has it; NUL when there is no such process. `ret_status`
 * is how a Z ended, as waitpid(2) tells it. */
char pyro_process_state(pid_t pid, int *ret_status);

/* Closes what only the process needed. */
void pyro_spawn_detach(struct pyro_spawn *spawn);

/* Closes what is left. */
void pyro_spawn_close(struct pyro_spawn *spawn);

#endif
