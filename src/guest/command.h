/* Commands: from EXEC to EXITED. */
#ifndef PYRO_GUEST_COMMAND_H
#define PYRO_GUEST_COMMAND_H

#include <sys/types.h>

#include "guest/agent.h"
#include "guest/stream.h"
#include "wire/message.h"

struct pyro_command {
    struct pyro_command *next;
    struct pyro_agent *agent;
    uint32_t stream;
    pid_t pid;
    uint64_t started_us;
    struct pyro_cgroup cgroup;
    struct pyro_input input;
    struct pyro_output outputs[2]; /* stdout, stderr */
    bool killed;                   /* output that finds no credit is dropped */
    bool over;                     /* the process was reaped; `exited` says how it ended */
    struct pyro_exited exited;
};

/* EXEC: starts it, or answers why not. Never fails towards the caller. */
void pyro_command_start(struct pyro_agent *agent, uint32_t stream, const struct pyro_exec *exec);

/* NULL when it is over, which is no error: frames cross on the way. */
struct pyro_command *pyro_command_find(struct pyro_agent *agent, uint32_t stream);

/* KILL: everything in its cgroup. EXITED follows without waiting for credit. */
void pyro_command_kill(struct pyro_command *command);

/* Sends EXITED and forgets the command if its process was reaped and its output is sent. Called
 * whenever either may have become true; the command may be gone afterwards. */
void pyro_command_settle(struct pyro_command *command);

/* Reaps every child that ended, commands or orphans. */
void pyro_commands_reap(struct pyro_agent *agent);

/* Lets output flow again after the way to the host was full. */
void pyro_commands_resume(struct pyro_agent *agent);

/* The host is gone: kills and forgets them all. */
void pyro_commands_abandon(struct pyro_agent *agent);

#endif
