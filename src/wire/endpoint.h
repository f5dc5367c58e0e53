/* Where a service is looked for to see whether it is ready: what host and guest both understand by
 * HOST:PORT and by a URL. */
#ifndef PYRO_WIRE_ENDPOINT_H
#define PYRO_WIRE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

struct pyro_endpoint {
    char host[256]; /* a name or an address, without brackets */
    char port[6];   /* "1" to "65535" */
};

/* "HOST:PORT" in the first `size` bytes. A port that is not there is `port`; NULL: it has to be
 * there. An IPv6 address is in brackets, or where there has to be a port also without them. False
 * when it is none. */
bool pyro_endpoint_parse(const char *text, size_t size, const char *port,
                         struct pyro_endpoint *ret_endpoint);

/* "http://HOST[:PORT][/PATH][?QUERY][#FRAGMENT]": RFC 3986, without user and password. */
struct pyro_url {
    struct pyro_endpoint endpoint;
    const char *authority; /* HOST[:PORT], in the text */
    size_t authority_size;
    const char *path; /* what follows, without the fragment */
    size_t path_size;
};

/* False when it is none. */
bool pyro_url_parse(const char *text, struct pyro_url *ret_url);

#endif
