#include "mcp/http_peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static void add(struct pyro_http_peers *peers, struct MHD_Connection *connection, void **context)
{
    struct pyro_http_peer *peer = calloc(1, sizeof(*peer));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = peer;
    if (!peer)
        return;
    peer->fd = info->connect_fd;
    peer->next = peers->first;
    peer->link = &peers->first;
    if (peer->next)
        peer->next->link = &peer->next;
    peers->first = peer;
    pyro_http_peer_allow(peer, PYRO_HTTP_IDLE_MS);
}

void pyro_http_peers_notify(void *peers, struct MHD_Connection *connection, void **context,
                            enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        add(peers, connection, context);
        return;
    }
    struct pyro_http_peer *peer = *context;
    if (peer && peer->next)
        peer->next->link = peer->link;
    if (peer)
        *peer->link = peer->next;
    free(peer);
    *context = NULL;
}

struct pyro_http_peer *pyro_http_peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void pyro_http_peer_allow(struct pyro_http_peer *peer, unsigned ms)
{
    peer->deadline_ms = ms ? pyro_now_ms() + ms : 0;
}

bool pyro_http_peer_is_own(const struct pyro_http_peer *peer)
{
    struct ucred user;
    socklen_t size = sizeof(user);
    return getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0 &&
           (user.uid == geteuid() || user.uid == 0);
}

/* The daemon then finds that the connection has ended, and does the rest. */
void pyro_http_peers_cut(struct pyro_http_peers *peers)
{
    uint64_t now_ms = pyro_now_ms();
    for (struct pyro_http_peer *peer = peers->first; peer; peer = peer->next) {
        if (peer->deadline_ms == 0 || now_ms < peer->deadline_ms)
            continue;
        shutdown(peer->fd, SHUT_RDWR);
        pyro_http_peer_allow(peer, 0);
    }
}
