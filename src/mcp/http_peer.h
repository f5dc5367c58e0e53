/* Connections, and how long each may take over what it does next: a slow client holds its place
 * for a while, not for ever. */
#ifndef PYRO_MCP_HTTP_PEER_H
#define PYRO_MCP_HTTP_PEER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PYRO_HTTP_IDLE_MS = 30000,   /* until a request begins */
    PYRO_HTTP_UPLOAD_MS = 60000, /* until all of it is there */
    PYRO_HTTP_ANSWER_MS = 60000, /* until all of the answer is taken */
};

struct pyro_http_peer {
    int fd;
    uint64_t deadline_ms; /* 0: none */
    struct pyro_http_peer *next, **link;
};

struct pyro_http_peers {
    struct pyro_http_peer *first;
};

/* For MHD_OPTION_NOTIFY_CONNECTION, with the peers. */
void pyro_http_peers_notify(void *peers, struct MHD_Connection *connection, void **context,
                            enum MHD_ConnectionNotificationCode code);

/* NULL when memory ran out as it came. */
struct pyro_http_peer *pyro_http_peer_of(struct MHD_Connection *connection);

/* From now on; 0: it may take as long as it likes. */
void pyro_http_peer_allow(struct pyro_http_peer *peer, unsigned ms);

/* Whether the program at the other end of a socket in the file system runs for this user or root.
 */
bool pyro_http_peer_is_own(const struct pyro_http_peer *peer);

/* Cuts those off whose time is over. */
void pyro_http_peers_cut(struct pyro_http_peers *peers);

#endif
