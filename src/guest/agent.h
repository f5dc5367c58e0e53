/* The one context of the agent, and how its parts call each other. */
#ifndef PYRO_GUEST_AGENT_H
#define PYRO_GUEST_AGENT_H

#include "base/loop.h"
#include "guest/cgroup.h"
#include "guest/port.h"

enum {
    PYRO_AGENT_VERSION = 1,
    /* Three descriptors each, under the limit of 1024 open files. */
    PYRO_COMMANDS_MAX = 256,
};

struct pyro_agent {
    struct pyro_loop loop;
    struct pyro_port port;
    struct pyro_source signals;
    struct pyro_cgroups cgroups;
    struct pyro_command *commands;
    unsigned command_count;
    struct pyro_command *finished; /* to be freed */
    struct pyro_timer ending;      /* runs while a command was asked to end, or killed */
    uint64_t ending_ms;            /* its interval */
    struct pyro_command *spare;    /* the next command, waiting for its EXEC; or NULL */
    bool may_hold;                 /* STARTED can wait a little for what follows it */
    bool must_rest;                /* the last command is over: there is work for when idle */
    uint64_t init_us;
    bool has_identity; /* a SETUP was put in force; no command runs before */
    bool is_sealed;    /* nothing has happened since SEAL */
};

/* Called by the port (main.c). */
void pyro_agent_host_came(struct pyro_agent *agent);
void pyro_agent_host_left(struct pyro_agent *agent);
void pyro_agent_frame(struct pyro_agent *agent, const struct pyro_frame *frame);

/* Forgets that children ended; they are reaped already. */
void pyro_agent_drain_signals(struct pyro_agent *agent);

/* Puts a finished frame's result on the wire: `r` is what a pack function returned. The outgoing
 * buffer keeps room for small frames, so a failure means a broken agent. */
void pyro_agent_sent(int r);

#endif
