/* One request and its answer. While a tool is called for it the connection is suspended; what the
 * call has to say gathers here, and leaves as JSON or as an event stream. */
#ifndef PYRO_MCP_HTTP_EXCHANGE_H
#define PYRO_MCP_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>

#include "base/buffer.h"
#include "mcp/calls.h"
#include "mcp/http_guard.h"
#include "mcp/http_peer.h"

enum {
    PYRO_HTTP_BODY_MAX = PYRO_MCP_MESSAGE_MAX,
    PYRO_HTTP_BODIES_MAX = 4 * PYRO_HTTP_BODY_MAX, /* of all requests that are not answered yet */
    PYRO_HTTP_PROGRESS_MAX = 64 * 1024,            /* that a slow reader has not taken yet */
    PYRO_HTTP_SILENT_MS = 5000,                    /* then a stream begins, where one is accepted */
    PYRO_HTTP_ALIVE_MS = 15000,                    /* so often a stream says that it is there */
};

/* What all exchanges share. Everything but `ready` is of the thread that listens. */
struct pyro_http_server {
    struct pyro_mcp_server server;
    struct pyro_mcp_calls calls;
    struct pyro_http_guard guard;
    struct pyro_http_peers peers;
    struct pyro_http_exchange *first;
    size_t bodies_size;
    int epoll;            /* watches clients that wait */
    int wake_fd;          /* an eventfd: `ready` is not empty */
    pthread_mutex_t lock; /* of `ready`, and of what call threads write into exchanges; taken with
                             the lock of the calls held, so never the other way round */
    struct pyro_http_exchange *ready;
};

enum pyro_http_phase {
    PYRO_HTTP_NEW,      /* only the request line is there */
    PYRO_HTTP_BODY,     /* the body comes */
    PYRO_HTTP_CALLING,  /* a call is to answer it */
    PYRO_HTTP_ANSWERED, /* the answer is known, or streams */
};

struct pyro_http_exchange {
    struct pyro_mcp_sink sink; /* first: it is what the sink's functions are given */
    struct pyro_http_server *server;
    struct MHD_Connection *connection; /* NULL: it is gone, and only the call's end is waited for */
    struct pyro_http_peer *peer;
    struct pyro_http_exchange *next, **link;
    enum pyro_http_phase phase;
    struct pyro_http_headers headers; /* texts of the connection */
    unsigned refused;                 /* the status that its header fields already deserve, or 0 */
    struct pyro_buffer body;
    size_t held; /* bytes counted in `bodies_size` */
    json_t *id;  /* of the call, with the session it belongs to: who may cancel it */
    char *session;
    bool accepts_json, accepts_stream;
    bool is_suspended, is_streaming, is_lost; /* lost: the client has gone meanwhile */
    uint64_t spoke_ms;                        /* when the call began, or the stream last spoke */
    /* Under the lock. */
    struct pyro_buffer events;
    char *reply;
    bool is_calling, is_over; /* a call was begun, has ended */
    bool is_ready;
    struct pyro_http_exchange *next_ready;
};

/* NULL when out of memory. */
struct pyro_http_exchange *pyro_http_exchange_create(struct pyro_http_server *server,
                                                     struct MHD_Connection *connection);

/* The connection is done with it. It goes when its call has ended, which is cancelled. */
void pyro_http_exchange_leave(struct pyro_http_exchange *exchange);

/* Stops reading and writing until there is something to say, or the client goes. */
void pyro_http_exchange_suspend(struct pyro_http_exchange *exchange);

/* Goes on with those that have something to say. */
void pyro_http_exchanges_resume(struct pyro_http_server *server);

/* The client of a suspended one has hung up: its call is cancelled. */
void pyro_http_exchange_lose(struct pyro_http_exchange *exchange);

/* Cancels the call that a client of that session gave the id. */
void pyro_http_exchanges_cancel(struct pyro_http_server *server, const char *session,
                                const json_t *id);

/* Lets streams that have been silent for long say that they are there. */
void pyro_http_exchanges_tick(struct pyro_http_server *server);

/* For MHD_create_response_from_callback(): what there is of the stream, or suspends. */
ssize_t pyro_http_exchange_read(void *exchange, uint64_t position, char *bytes, size_t most);

#endif
