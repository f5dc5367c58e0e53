/* A model with one tool: it is asked, its calls of vm_run are made, what came of them is told it,
 * until it answers. */
#ifndef PYRO_DEMO_AGENT_H
#define PYRO_DEMO_AGENT_H

#include "demo/chat.h"

enum {
    PYRO_AGENT_ROUNDS_MAX = 12,
    PYRO_AGENT_CALLS_MAX = 8, /* that are made of one answer */
    PYRO_AGENT_URGES_MAX = 3, /* how often a model is told to call when it only talks */
};

struct pyro_agent {
    const struct pyro_chat *chat;
    const struct pyro_observer *observer;
    /* What happens, as it happens: "call", "result", "error", "model" and text of one line or
     * more, which may be anything. */
    void (*log)(void *userdata, const char *label, const char *text);
    void *userdata;
};

/* Without anything that is not there: {"round_count", "calls": [{"arguments", "exit_code" or null,
 * "error" or null, "duration_ms"}], "answer"}. It is a success when a command ran and the model
 * answered afterwards. */
int pyro_agent_run(const struct pyro_agent *agent, const char *prompt, json_t **ret_result,
                   struct pyro_error *error);

#endif
