#include "mcp/http_guard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

enum { HTTP_PORT = 80 };

/* Takes "NAME", "NAME:PORT" or "[ADDRESS]:PORT" apart. */
static bool split(const char *authority, char *name, size_t size, unsigned long *ret_port)
{
    bool in_brackets = *authority == '[';
    size_t length = in_brackets ? strcspn(++authority, "]") : strcspn(authority, ":");
    const char *rest = authority + length + (in_brackets && authority[length] == ']');
    if (length == 0 || length >= size || (in_brackets && authority[length] != ']'))
        return false;
    memcpy(name, authority, length);
    name[length] = '\0';
    *ret_port = HTTP_PORT;
    if (*rest == '\0')
        return true;
    if (*rest++ != ':' || *rest == '\0' || strlen(rest) > 5 ||
        strspn(rest, "0123456789") != strlen(rest))
        return false;
    *ret_port = strtoul(rest, NULL, 10);
    return true;
}

/* Whether the name is an address; in its usual form then. */
static bool is_address(const char *name, char *usual, size_t size)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    int family = strchr(name, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, name, bytes) == 1 && inet_ntop(family, bytes, usual, (socklen_t)size);
}

static bool is_loopback(const char *name)
{
    return strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0;
}

static bool is_ours(const struct pyro_http_guard *guard, const char *name)
{
    const struct pyro_http_address *address = guard->address;
    bool is_local = pyro_http_address_is_local(address), is_any = pyro_http_address_is_any(address);
    char usual[INET6_ADDRSTRLEN], bound[INET6_ADDRSTRLEN];
    if (is_address(name, usual, sizeof(usual))) { /* nobody can make an address lead elsewhere */
        pyro_http_address_name(address, bound, sizeof(bound));
        return is_any || strcmp(usual, bound) == 0 || (is_local && is_loopback(usual));
    }
    if (strcasecmp(name, "localhost") == 0)
        return is_local || is_any;
    return !is_local && guard->host_name && strcasecmp(name, guard->host_name) == 0;
}

bool pyro_http_guard_host(const struct pyro_http_guard *guard, const char *host)
{
    char name[256];
    unsigned long port;
    if (pyro_http_address_is_unix(guard->address)) /* no browser gets there */
        return true;
    return host && split(host, name, sizeof(name), &port) &&
           port == pyro_http_address_port(guard->address) && is_ours(guard, name);
}

bool pyro_http_guard_origin(const struct pyro_http_guard *guard, const char *origin)
{
    static const char scheme[] = "http://";
    if (!origin)
        return true;
    return !pyro_http_address_is_unix(guard->address) &&
           strncasecmp(origin, scheme, strlen(scheme)) == 0 &&
           pyro_http_guard_host(guard, origin + strlen(scheme));
}
