/* Commands in the guest, for those they belong to: clients (exec.c), services and shells
 * (session.h).
 */
#ifndef PYRO_SUPERVISOR_COMMAND_H
#define PYRO_SUPERVISOR_COMMAND_H

#include "supervisor/supervisor.h"

/* Who hears of a command. */
struct command_owner {
    void (*started)(void *userdata, uint32_t pid);
    /* True when it is consumed and more may come; else the owner grants that later. */
    bool (*output)(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size);
    void (*writable)(void *userdata, uint32_t bytes); /* there is room for so much more input */
    /* The command is gone. NULL: its guest ended first. */
    void (*ended)(void *userdata, const struct pyro_exited *exited);
};

struct command {
    struct supervisor *supervisor;
    const struct command_owner *owner;
    void *userdata;
    uint32_t stream; /* its name at the guest, never used twice */
    uint32_t timeout_ms;
    bool sent, started, timed_out;
    uint64_t sent_us, killed_us; /* 0: not yet */
    uint32_t window[4];          /* by channel: what the sender may still send */
    struct pyro_buffer waiting;  /* EXEC and what follows it, until they are sent */
    struct pyro_timer timer;     /* the time limit, then the grace after KILL */
    struct command *next;
};

/* One that the guest has not heard of yet. 0, -EAGAIN when there are too many, or another negative
 * errno. */
int command_create(struct supervisor *supervisor, const struct pyro_exec *exec,
                   const struct command_owner *owner, void *userdata, struct command **ret_command);
/* Which it will not hear of. Nobody is told. */
void command_discard(struct command *command);
/* Sends it, now or when the guest runs. Its end may be told before this returns. */
void command_send(struct command *command);

/* Sends as much as the guest has room for, and says how much that was. */
size_t command_write(struct command *command, const uint8_t *bytes, size_t size);
/* No more comes; a terminal is hung up. 0 or a negative errno. */
int command_end_input(struct command *command);
/* Each returns 0 or a negative errno: -EINVAL for a size that no terminal has. */
int command_signal(struct command *command, int signal);
int command_resize(struct command *command, const struct pyro_terminal_size *size);
/* Lets the guest send more. 0 or a negative errno. */
int command_grant(struct command *command, enum pyro_channel channel, uint32_t bytes);
/* All of it; a guest that does not obey is lost. Its end is told later, never before this returns.
 */
void command_kill(struct command *command);

#endif
