/* Commands: from EXEC to EXITED. */
#ifndef PYRO_GUEST_COMMAND_H
#define PYRO_GUEST_COMMAND_H

#include <sys/types.h>

#include "guest/agent.h"
#include "guest/spawn.h"
#include "guest/stream.h"
#include "wire/message.h"

struct pyro_command {
    struct pyro_command *next;
    struct pyro_agent *agent;
    uint32_t stream; /* 0: the spare, which is no command yet */
    struct pyro_spawn spawn;
    uint64_t started_us;
    struct pyro_cgroup cgroup;
    struct pyro_input input;
    struct pyro_output outputs[2]; /* stdout, stderr */
    bool ends_whole;               /* when it is over, what it has started is killed */
    bool is_ending;                /* the host asked it to end: what it has started may do so too */
    bool killed;                   /* output that finds no credit is dropped */
    bool over;                     /* the process was reaped; `exited` says how it ended */
    bool lingers;                  /* it is over, what it has started is still ending */
    bool finished;                 /* EXITED is on its way */
    struct pyro_exited exited;
};

/* EXEC: starts it, or answers why not. -EPROTO when the frame is malformed. */
int pyro_command_start(struct pyro_agent *agent, const struct pyro_frame *frame);

/* For start.c and command.c: a command becomes one of the agent's; one that is not (any more) is
 * freed at once, or with the finished ones. */
void pyro_command_add(struct pyro_command *command, uint32_t stream);
void pyro_command_free(struct pyro_command *command);
void pyro_command_finish(struct pyro_command *command);

/* NULL when it is over, which is no error: frames cross on the way. */
struct pyro_command *pyro_command_find(struct pyro_agent *agent, uint32_t stream);

/* KILL: everything in its cgroup. EXITED follows without waiting for credit. */
void pyro_command_kill(struct pyro_command *command);

/* SIGNAL: to all in its cgroup, or to the foreground process group of its terminal. After a SIGTERM
 * to all, as after a terminal's hang-up, EXITED waits until nothing of the command is left, or
 * KILL.
 */
void pyro_command_signal(struct pyro_command *command, uint32_t signal);

/* Its terminal is gone. The kernel tells the shell and what is in the foreground; a shell may end
 * before it tells the rest, so that hears of it from us. */
void pyro_command_hang_up(struct pyro_command *command);

/* Sends EXITED and forgets the command if its process was reaped and its output is sent. Called
 * whenever either may have become true; the command may be gone afterwards. */
void pyro_command_settle(struct pyro_command *command);

/* Reaps every child that ended, commands or orphans. */
void pyro_commands_reap(struct pyro_agent *agent);

/* Frees commands whose EXITED was sent. Not earlier: nobody needs to wait for that. */
void pyro_commands_clean(struct pyro_agent *agent);

/* Makes ahead what the next command needs, unless it lies ready. */
void pyro_spare_make(struct pyro_agent *agent);

/* Gives that up, if there is any. */
void pyro_spare_drop(struct pyro_agent *agent);

/* Lets output flow again after the way to the host was full. */
void pyro_commands_resume(struct pyro_agent *agent);

/* Nobody wants to know of them any more: kills and forgets them all, the spare too. */
void pyro_commands_abandon(struct pyro_agent *agent);

#endif
