/* Asking the guest about its tree: one call runs one of the agent's own commands (docs/PROTOCOL.md,
 * "Trees") with a stream in and a stream out. Everything that comes out is hostile. */
#ifndef PYRO_WORKSPACE_CHANNEL_H
#define PYRO_WORKSPACE_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One call. The callbacks run in the calling thread, in turns; one that fails fills in its own
 * error and the call is given up. */
struct pyro_tree_call {
    const char *const *arguments; /* "receive", … ; NULL-terminated */
    void *userdata;
    /* Puts at most `most` bytes into `bytes`: how many, 0 at the end, -EAGAIN when it has to see
     * more output first, -1 on failure. NULL: nothing is sent. Called only when the guest has room
     * for it. */
    long (*input)(void *userdata, uint8_t *bytes, size_t most, struct pyro_error *error);
    /* Takes bytes as they come, cut anywhere: 0, or -1 on failure. */
    int (*output)(void *userdata, const uint8_t *bytes, size_t size, struct pyro_error *error);
};

/* How calls are made: through a supervisor (call.c), or to a child process in unit tests. */
struct pyro_tree_channel {
    void *userdata;
    /* Runs it to its end. 0 when the agent's command said that it succeeded; -1 and an error: a
     * callback's own, or what the command wrote to its stderr, or that the guest is gone. */
    int (*run)(void *userdata, const struct pyro_tree_call *call, struct pyro_error *error);
};

#endif
