/* A builder outlives a pull that was killed, for as long as its current step takes. It is taken
 * down in the staging directory, so that whoever clears that up can end it first. */
#ifndef PYRO_ENVIRONMENT_ORPHAN_H
#define PYRO_ENVIRONMENT_ORPHAN_H

#include <sys/types.h>

/* Takes down the leader of a process group. 0 or a negative errno. */
int pyro_orphan_record(int directory, pid_t leader);

/* It has ended. */
void pyro_orphan_forget(int directory);

/* Kills the group, if its leader still runs and is the process that was taken down. */
void pyro_orphan_kill(int directory);

#endif
