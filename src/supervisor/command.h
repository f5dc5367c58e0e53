/* Commands that belong to the supervisor itself. Those of clients are command.c's alone. */
#ifndef PYRO_SUPERVISOR_COMMAND_H
#define PYRO_SUPERVISOR_COMMAND_H

#include "supervisor/supervisor.h"

/* Who hears of a command that is no client's. */
struct command_owner {
    void (*started)(void *userdata, uint32_t pid); /* may be NULL */
    void (*output)(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size);
    void (*writable)(void *userdata); /* there is room for input again; may be NULL */
    /* The command is gone. NULL: its guest ended first. */
    void (*ended)(void *userdata, const struct pyro_exited *exited);
};

/* Starts one: the guest runs. Nothing is called before this returns. 0 or a negative errno. */
int command_start(struct supervisor *supervisor, const struct pyro_exec *exec,
                  const struct command_owner *owner, void *userdata, struct command **ret_command);

/* Sends as much as the guest has room for, and says how much that was. */
size_t command_write(struct command *command, const uint8_t *bytes, size_t size);
/* Of a terminal: it is hung up. */
void command_end_input(struct command *command);
void command_signal(struct command *command, int signal);
void command_resize(struct command *command, const struct pyro_terminal_size *size);
/* All of it; a guest that does not obey is lost. */
void command_kill(struct command *command);

/* True while a client waits for one. */
bool command_is_awaited(const struct supervisor *supervisor);

#endif
