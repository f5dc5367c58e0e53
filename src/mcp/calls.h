/* Tool calls under way: each in a thread, so that clients are listened to meanwhile. */
#ifndef PYRO_MCP_CALLS_H
#define PYRO_MCP_CALLS_H

#include <pthread.h>

#include "mcp/known.h"
#include "mcp/server.h"

enum {
    PYRO_MCP_THREADS_MAX = 32, /* calls at once; more of them wait */
    PYRO_MCP_CALLS_MAX = 1024, /* with those that wait */
};

/* Where lines go. Both are called with the lock of the calls held: so lines stay whole, and nothing
 * follows a call's result or its cancellation. Neither may call anything of the calls. */
struct pyro_mcp_sink {
    void (*send)(struct pyro_mcp_sink *sink, const char *line); /* something on the way */
    /* The call's reply, or NULL: it was cancelled, or memory ran out. Nothing follows, and the call
     * knows the sink no more. */
    void (*finish)(struct pyro_mcp_sink *sink, const char *line);
};

struct pyro_mcp_calls {
    const struct pyro_mcp_options *options;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* there is a call to begin, or none will come */
    pthread_cond_t ended;  /* one call less */
    struct pyro_mcp_call_state *first, *last;
    struct pyro_mcp_known known;
    size_t count, waiting, idle_threads, thread_count;
    pthread_t threads[PYRO_MCP_THREADS_MAX];
    bool closing;
};

void pyro_mcp_calls_init(struct pyro_mcp_calls *calls, const struct pyro_mcp_options *options);

/* Sends a line that belongs to no call; NULL (memory ran out) is left out. */
void pyro_mcp_calls_send(struct pyro_mcp_calls *calls, struct pyro_mcp_sink *sink,
                         const char *line);

/* Takes over the request, which becomes empty, and has the tool called in a thread, unless what it
 * would answer is known; NULL: has the options' extra answer it, where there is one. The sink must
 * stay until it was told the call's end, which may be before this returns. */
void pyro_mcp_calls_begin(struct pyro_mcp_calls *calls, struct pyro_mcp_message *request,
                          const struct pyro_operation *tool, struct pyro_mcp_sink *sink);

/* Sends a line on the way to the reply. For the call's thread; NULL (memory ran out) is left out.
 */
void pyro_mcp_call_say(struct pyro_mcp_call_state *call, const char *line);

/* Stops the call that the sink knows by that id (NULL: whatever its id); nothing more is sent for
 * it. One that is not known is ignored. */
void pyro_mcp_calls_cancel(struct pyro_mcp_calls *calls, const struct pyro_mcp_sink *sink,
                           const json_t *id);

/* Sends progress of calls that have been silent for long. How long until there may be more to send,
 * -1: nothing runs that somebody wants to hear of. */
int pyro_mcp_calls_tick(struct pyro_mcp_calls *calls);

/* Waits `patience_ms` for the end of all calls, then cancels what is left and waits `grace_ms` for
 * that. Whether none is left; if one is, only the process's end ends it. */
bool pyro_mcp_calls_close(struct pyro_mcp_calls *calls, unsigned patience_ms, unsigned grace_ms);

#endif
