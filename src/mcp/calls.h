/* Tool calls under way: each in a thread, so that the client is listened to meanwhile. What they
 * send goes through here too, line by line. */
#ifndef PYRO_MCP_CALLS_H
#define PYRO_MCP_CALLS_H

#include <pthread.h>

#include "mcp/server.h"

enum {
    PYRO_MCP_THREADS_MAX = 32, /* calls at once; more of them wait */
    PYRO_MCP_CALLS_MAX = 1024, /* with those that wait */
};

struct pyro_mcp_call_state;

/* One lock for all of it, held while a line is written: so lines stay whole, and nothing follows a
 * call's result or its cancellation. */
struct pyro_mcp_calls {
    const struct pyro_mcp_options *options;
    int fd, stop_fd; /* where lines go; when it is readable nobody waits for their reader */
    int write_errno; /* why they do not arrive any more; 0: they do */
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* there is a call to begin, or none will come */
    pthread_cond_t ended;  /* one call less */
    struct pyro_mcp_call_state *first, *last;
    size_t count, waiting, idle_threads, thread_count;
    pthread_t threads[PYRO_MCP_THREADS_MAX];
    bool closing;
};

void pyro_mcp_calls_init(struct pyro_mcp_calls *calls, const struct pyro_mcp_options *options,
                         int fd, int stop_fd);

/* Sends a line; NULL (memory ran out) and a reader that is gone are no concern of the caller. */
void pyro_mcp_calls_send(struct pyro_mcp_calls *calls, const char *line);

/* Takes over the request, which becomes empty, and has the tool called in a thread. */
void pyro_mcp_calls_begin(struct pyro_mcp_calls *calls, struct pyro_mcp_message *request,
                          const struct pyro_operation *tool);

/* Stops the call; nothing more is sent for it. An id that is not known is ignored. */
void pyro_mcp_calls_cancel(struct pyro_mcp_calls *calls, const json_t *id);

/* Sends progress of calls that have been silent for long. How long until there may be more to send,
 * -1: nothing runs that somebody wants to hear of. */
int pyro_mcp_calls_tick(struct pyro_mcp_calls *calls);

/* Waits `patience_ms` for the end of all calls, then cancels what is left and waits `grace_ms` for
 * that. Whether none is left; if one is, only the process's end ends it. */
bool pyro_mcp_calls_close(struct pyro_mcp_calls *calls, unsigned patience_ms, unsigned grace_ms);

#endif
