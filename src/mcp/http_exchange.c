#include "mcp/http_exchange.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/json.h"

/* ---- what call threads tell ---- */

static void wake_locked(struct pyro_http_exchange *exchange)
{
    struct pyro_http_server *server = exchange->server;
    if (exchange->is_ready)
        return;
    exchange->is_ready = true;
    exchange->next_ready = server->ready;
    server->ready = exchange;
    eventfd_write(server->wake_fd, 1);
}

/* 0 or a negative errno. */
static int add_event(struct pyro_buffer *events, const char *line)
{
    static const char before[] = "event: message\ndata: ", behind[] = "\n\n";
    size_t size = strcspn(line, "\n");
    uint8_t *at = pyro_buffer_reserve(events, strlen(before) + size + strlen(behind));
    if (!at)
        return -1;
    at = mempcpy(at, before, strlen(before));
    at = mempcpy(at, line, size);
    memcpy(at, behind, strlen(behind));
    pyro_buffer_commit(events, strlen(before) + size + strlen(behind));
    return 0;
}

static void send_progress(struct pyro_mcp_sink *sink, const char *line)
{
    struct pyro_http_exchange *exchange = (struct pyro_http_exchange *)sink;
    if (!exchange->accepts_stream)
        return;
    pthread_mutex_lock(&exchange->server->lock);
    /* A reader that is too slow misses some. */
    if (exchange->events.size < PYRO_HTTP_PROGRESS_MAX && add_event(&exchange->events, line) == 0)
        wake_locked(exchange);
    pthread_mutex_unlock(&exchange->server->lock);
}

static void finish_call(struct pyro_mcp_sink *sink, const char *line)
{
    struct pyro_http_exchange *exchange = (struct pyro_http_exchange *)sink;
    pthread_mutex_lock(&exchange->server->lock);
    exchange->reply = line ? strdup(line) : NULL;
    exchange->is_over = true;
    wake_locked(exchange);
    pthread_mutex_unlock(&exchange->server->lock);
}

/* ---- its life ---- */

struct pyro_http_exchange *pyro_http_exchange_create(struct pyro_http_server *server,
                                                     struct MHD_Connection *connection)
{
    struct pyro_http_peer *peer = pyro_http_peer_of(connection);
    struct pyro_http_exchange *exchange = peer ? calloc(1, sizeof(*exchange)) : NULL;
    if (!exchange)
        return NULL;
    exchange->sink = (struct pyro_mcp_sink){send_progress, finish_call};
    exchange->server = server;
    exchange->connection = connection;
    exchange->peer = peer;
    exchange->next = server->first;
    exchange->link = &server->first;
    if (exchange->next)
        exchange->next->link = &exchange->next;
    server->first = exchange;
    pyro_buffer_init(&exchange->body, PYRO_HTTP_BODY_MAX);
    /* One reply is the last, whatever its size. */
    pyro_buffer_init(&exchange->events, SIZE_MAX / 4);
    return exchange;
}

/* Its call, if there was one, has ended, and is not among those that are ready. */
static void destroy(struct pyro_http_exchange *exchange)
{
    exchange->server->bodies_size -= exchange->held;
    if (exchange->next)
        exchange->next->link = exchange->link;
    *exchange->link = exchange->next;
    pyro_buffer_finish(&exchange->body);
    pyro_buffer_finish(&exchange->events);
    json_decref(exchange->id);
    free(exchange->session);
    free(exchange->reply);
    free(exchange);
}

static bool waits_for_call(struct pyro_http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->server->lock);
    bool waits = (exchange->is_calling && !exchange->is_over) || exchange->is_ready;
    pthread_mutex_unlock(&exchange->server->lock);
    return waits;
}

void pyro_http_exchange_leave(struct pyro_http_exchange *exchange)
{
    exchange->connection = NULL;
    if (exchange->is_calling)
        pyro_mcp_calls_cancel(&exchange->server->calls, &exchange->sink, NULL);
    if (!waits_for_call(exchange))
        destroy(exchange);
}

/* ---- suspending and going on ---- */

void pyro_http_exchange_suspend(struct pyro_http_exchange *exchange)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = exchange};
    MHD_suspend_connection(exchange->connection);
    exchange->is_suspended = true;
    pyro_http_peer_allow(exchange->peer, 0);
    epoll_ctl(exchange->server->epoll, EPOLL_CTL_ADD, exchange->peer->fd, &event);
}

static void resume(struct pyro_http_exchange *exchange)
{
    if (!exchange->is_suspended)
        return;
    exchange->is_suspended = false;
    epoll_ctl(exchange->server->epoll, EPOLL_CTL_DEL, exchange->peer->fd, NULL);
    MHD_resume_connection(exchange->connection);
}

static struct pyro_http_exchange *take_ready(struct pyro_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct pyro_http_exchange *exchange = server->ready;
    if (exchange) {
        server->ready = exchange->next_ready;
        exchange->is_ready = false;
    }
    pthread_mutex_unlock(&server->lock);
    return exchange;
}

void pyro_http_exchanges_resume(struct pyro_http_server *server)
{
    struct pyro_http_exchange *exchange;
    while ((exchange = take_ready(server))) {
        if (exchange->connection) {
            if (!waits_for_call(exchange)) /* the rest is up to the client */
                pyro_http_peer_allow(exchange->peer, PYRO_HTTP_ANSWER_MS);
            resume(exchange);
        } else if (!waits_for_call(exchange))
            destroy(exchange);
    }
}

void pyro_http_exchange_lose(struct pyro_http_exchange *exchange)
{
    exchange->is_lost = true;
    resume(exchange);
}

void pyro_http_exchanges_cancel(struct pyro_http_server *server, const char *session,
                                const json_t *id)
{
    for (struct pyro_http_exchange *at = server->first; at; at = at->next) {
        if (at->is_calling && at->session && strcmp(at->session, session) == 0 &&
            json_equal(at->id, id)) {
            pyro_mcp_calls_cancel(&server->calls, &at->sink, NULL);
            return;
        }
    }
}

/* ---- the stream ---- */

void pyro_http_exchanges_tick(struct pyro_http_server *server)
{
    static const char alive[] = ": still at it\n\n";
    uint64_t now_ms = pyro_now_ms();
    pthread_mutex_lock(&server->lock);
    for (struct pyro_http_exchange *at = server->first; at; at = at->next) {
        unsigned most_ms = at->is_streaming ? PYRO_HTTP_ALIVE_MS : PYRO_HTTP_SILENT_MS;
        if (at->is_suspended && at->accepts_stream && !at->is_over &&
            now_ms >= at->spoke_ms + most_ms &&
            pyro_buffer_append(&at->events, alive, strlen(alive)) == 0)
            wake_locked(at);
    }
    pthread_mutex_unlock(&server->lock);
}

static ssize_t read_locked(struct pyro_http_exchange *exchange, char *bytes, size_t most)
{
    struct pyro_buffer *events = &exchange->events;
    if (exchange->is_lost)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (events->size == 0 && exchange->reply) {
        cleanup_free char *reply = steal_pointer(&exchange->reply);
        if (add_event(events, reply) < 0)
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t size = MIN(events->size, most);
    if (size == 0)
        return exchange->is_over ? MHD_CONTENT_READER_END_OF_STREAM : 0;
    memcpy(bytes, pyro_buffer_data(events), size);
    pyro_buffer_consume(events, size);
    exchange->spoke_ms = pyro_now_ms();
    return (ssize_t)size;
}

ssize_t pyro_http_exchange_read(void *userdata, uint64_t position, char *bytes, size_t most)
{
    struct pyro_http_exchange *exchange = userdata;
    (void)position;
    pthread_mutex_lock(&exchange->server->lock);
    ssize_t size = read_locked(exchange, bytes, most);
    pthread_mutex_unlock(&exchange->server->lock);
    if (size == 0)
        pyro_http_exchange_suspend(exchange);
    return size;
}
