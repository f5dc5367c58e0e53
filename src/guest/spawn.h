/* The agent's side of a command's process, which is made first and told what to run afterwards: one
 * is made ahead, so that a command need not wait for it. */
#ifndef PYRO_GUEST_SPAWN_H
#define PYRO_GUEST_SPAWN_H

#include <sys/types.h>

#include "guest/child.h"
#include "wire/frame.h"

/* Descriptors are -1 once they are closed or taken. */
struct pyro_spawn {
    pid_t pid;
    int streams[3]; /* our ends of stdin, stdout, stderr: non-blocking */
    int orders, report;
    int watch; /* waits for `report` */
};

#define PYRO_SPAWN_NONE                                                                            \
    (struct pyro_spawn)                                                                            \
    {                                                                                              \
        .streams = {-1, -1, -1}, .orders = -1, .report = -1, .watch = -1                           \
    }

/* Makes a process in the cgroup whose directory is given; it waits. 0 or a negative errno. */
int pyro_spawn_make(int cgroup, struct pyro_spawn *ret_spawn);

/* Has it execute what an EXEC frame says, which it must have read within the patience. 0 when the
 * program runs. -EPIPE when the process was gone before, or does not listen and was killed: nothing
 * was done. -ECANCELED when it could not; `ret_failure` says what. */
int pyro_spawn_launch(struct pyro_spawn *spawn, const struct pyro_frame *frame, int patience_ms,
                      struct pyro_launch_failure *ret_failure);

/* Closes what is left; a process that waits ends by that. */
void pyro_spawn_close(struct pyro_spawn *spawn);

#endif
