/* Listening, and the one loop that everything but the calls runs in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/text.h"
#include "mcp/http.h"
#include "mcp/http_answer.h"
#include "mcp/http_token.h"
#include "mcp/note.h"
#include "operation/spare.h"

enum {
    CONNECTIONS_MAX = 256,
    CONNECTIONS_EACH_MAX = 128, /* of one address */
    HEADER_MAX = 32 * 1024,     /* bytes of a request's line and header, at most */
    TICK_MS = 500,
    GRACE_MS = 1200,
    LAST_SECONDS = 2, /* then SIGALRM ends the process */
    EVENTS_MAX = 32,
};

/* What the server has beside what exchanges see. */
struct listener {
    struct pyro_http_server http;
    struct pyro_http_address address;
    struct MHD_Daemon *daemon;
    char *token;
    char host_name[256];
    int stop_fd;
};

/* ---- for the daemon ---- */

static void *on_request_line(void *userdata, const char *uri, struct MHD_Connection *connection)
{
    struct pyro_http_exchange *exchange = pyro_http_exchange_create(userdata, connection);
    (void)uri;
    if (exchange)
        pyro_http_peer_allow(exchange->peer, PYRO_HTTP_UPLOAD_MS);
    return exchange;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct pyro_http_peer *peer = pyro_http_peer_of(connection);
    (void)userdata;
    (void)code;
    if (*context)
        pyro_http_exchange_leave(*context);
    if (peer)
        pyro_http_peer_allow(peer, PYRO_HTTP_IDLE_MS);
    *context = NULL;
}

static struct MHD_Daemon *start_daemon(struct listener *listener, int fd)
{
    struct pyro_http_server *http = &listener->http;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, pyro_http_answer, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        pyro_http_peers_notify, &http->peers, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_EACH_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

/* ---- the loop ---- */

static int watch(const struct listener *listener, int fd, const void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)what};
    return epoll_ctl(listener->http.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* -1: nobody is connected, so there is nothing to see to. */
static int wait_ms(struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    pyro_mcp_calls_tick(&listener->http.calls);
    if (MHD_get_timeout(listener->daemon, &daemon_ms) == MHD_YES)
        return (int)MIN(daemon_ms, (MHD_UNSIGNED_LONG_LONG)TICK_MS);
    return listener->http.peers.first ? TICK_MS : -1;
}

/* Whether to go on. What is watched tells itself apart by where it lies: descriptors of the
 * listener, or exchanges whose client has hung up. */
static bool take_events(struct listener *listener, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        const void *what = events[i].data.ptr;
        if (what == &listener->stop_fd)
            return false;
        if (what != &listener->daemon && what != &listener->http.wake_fd)
            pyro_http_exchange_lose(events[i].data.ptr);
    }
    return true;
}

static void turn(struct listener *listener)
{
    struct pyro_http_server *http = &listener->http;
    eventfd_t ignored;
    eventfd_read(http->wake_fd, &ignored);
    pyro_http_peers_cut(&http->peers);
    pyro_http_exchanges_tick(http);
    pyro_http_exchanges_resume(http);
    MHD_run(listener->daemon);
}

static void run(struct listener *listener)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(listener->http.epoll, events, EVENTS_MAX, wait_ms(listener));
        if (!take_events(listener, events, count) || (count < 0 && errno != EINTR))
            return;
        turn(listener);
    }
}

/* ---- beginning and end ---- */

static int load_token(struct listener *listener, const char *path, struct pyro_error *error)
{
    bool is_local = pyro_http_address_is_local(&listener->address), made;
    if (!path && is_local)
        return 0;
    if (!path) {
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                       "cannot serve other hosts without a token: whoever reaches the address "
                       "could use the tools");
        pyro_error_hint(error, "add --token-file PATH (a token is made if the file is not there), "
                               "or listen on 127.0.0.1 or unix:PATH");
        return pyro_error_field(error, "token_file");
    }
    listener->token = pyro_http_token_load(path, &made, error);
    if (listener->token && made)
        pyro_mcp_note("made a token for clients, in %s: %s", path, listener->token);
    return listener->token ? 0 : -1;
}

static int prepare(struct listener *listener, const struct pyro_mcp_options *options)
{
    struct pyro_http_server *http = &listener->http;
    gethostname(listener->host_name, sizeof(listener->host_name) - 1);
    http->guard =
        (struct pyro_http_guard){&listener->address, listener->host_name, listener->token};
    pthread_mutex_init(&http->lock, NULL);
    pyro_mcp_server_init(&http->server, options);
    pyro_mcp_calls_init(&http->calls, options);
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->epoll < 0 || http->wake_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return -errno;
    int r = watch(listener, http->wake_fd, &http->wake_fd);
    return r == 0 ? watch(listener, listener->stop_fd, &listener->stop_fd) : r;
}

static int start(struct listener *listener, int *fd)
{
    listener->daemon = start_daemon(listener, *fd);
    if (!listener->daemon)
        return -ENOMEM;
    steal_fd(fd); /* the daemon closes it */
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return watch(listener, info->epoll_fd, &listener->daemon);
}

static void stop(struct listener *listener)
{
    struct pyro_http_server *http = &listener->http;
    alarm(LAST_SECONDS);
    pyro_http_address_remove(&listener->address);
    if (!pyro_mcp_calls_close(&http->calls, 0, GRACE_MS))
        _exit(0); /* supervisors end the VMs of clients that are gone */
    for (struct pyro_http_exchange *at = http->first; at; at = at->next)
        pyro_http_exchange_lose(at);
    MHD_stop_daemon(listener->daemon);
    pyro_http_exchanges_resume(http); /* those whose connection went before their call */
    alarm(0);
    pyro_mcp_server_finish(&http->server);
}

static int serve(struct listener *listener, const struct pyro_mcp_options *options,
                 struct pyro_error *error)
{
    cleanup_close int fd = pyro_http_address_listen(&listener->address, error);
    if (fd < 0)
        return -1;
    int r = prepare(listener, options);
    if (r == 0)
        r = start(listener, &fd);
    if (r < 0) {
        pyro_http_address_remove(&listener->address);
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot serve HTTP");
    }
    cleanup_free char *shown = pyro_http_address_show(&listener->address);
    pyro_mcp_note("listening on %s", shown ? shown : "the address");
    run(listener);
    stop(listener);
    return 0;
}

static int serve_with_spares(struct listener *listener, const struct pyro_mcp_options *options,
                             struct pyro_error *error)
{
    struct pyro_mcp_options own = *options;
    if (own.spare_seconds > 0 && pyro_spares_create(own.spare_seconds, &own.spares, error) < 0)
        return -1;
    int r = serve(listener, &own, error);
    pyro_spares_destroy(own.spares);
    return r;
}

int pyro_mcp_serve_http_here(const struct pyro_mcp_options *options,
                             const struct pyro_mcp_http_options *http, int stop_fd,
                             struct pyro_error *error)
{
    struct listener listener = {.http.epoll = -1, .http.wake_fd = -1, .stop_fd = stop_fd};
    int r = pyro_http_address_parse(&listener.address, http->address, error);
    if (r == 0)
        r = load_token(&listener, http->token_file, error);
    if (r == 0)
        r = serve_with_spares(&listener, options, error);
    if (listener.http.epoll >= 0)
        close(listener.http.epoll);
    if (listener.http.wake_fd >= 0)
        close(listener.http.wake_fd);
    free(listener.token);
    return r;
}
