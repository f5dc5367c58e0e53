#include "mcp/http_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "mcp/http.h"

#define UNIX_PREFIX "unix:"

enum { BACKLOG = 128 };

static int refuse(const char *text, const char *why, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "cannot listen on '%.100s': %s", text, why);
    pyro_error_hint(error, "give --http an address with its port (127.0.0.1:8765, [::1]:8765) or "
                           "unix:PATH");
    return pyro_error_field(error, "http");
}

static int parse_unix(struct pyro_http_address *address, const char *text, struct pyro_error *error)
{
    const char *path = text + strlen(UNIX_PREFIX);
    if (*path == '\0')
        return refuse(text, "there is no path behind unix:", error);
    if (strlen(path) >= sizeof(address->socket.un.sun_path))
        return refuse(text, "the path is longer than the 107 bytes a socket's may have", error);
    address->socket.un.sun_family = AF_UNIX;
    strcpy(address->socket.un.sun_path, path);
    address->size = sizeof(address->socket.un);
    return 0;
}

static bool is_port(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 5 && strspn(text, "0123456789") == length && atoi(text) <= 65535;
}

/* Without asking any resolver: what is listened on should not depend on one. */
static int resolve(const char *host, const char *port, struct pyro_http_address *address)
{
    const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                    .ai_socktype = SOCK_STREAM};
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    struct addrinfo *found = NULL;
    if (!is_port(port) || getaddrinfo(numeric, port, &wanted, &found) != 0)
        return -EINVAL;
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int parse_tcp(struct pyro_http_address *address, const char *text, struct pyro_error *error)
{
    const char *colon = strrchr(text, ':');
    bool in_brackets = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
    if (!colon || colon == text || (!in_brackets && strchr(text, ':') != colon))
        return refuse(text, "there is no address with a port behind it", error);
    size_t length = (size_t)(colon - text);
    cleanup_free char *host = in_brackets ? strndup(text + 1, length - 2) : strndup(text, length);
    if (!host)
        return pyro_error_no_memory(error);
    if (resolve(host, colon + 1, address) < 0)
        return refuse(text, "that is no IP address with a port behind it", error);
    return 0;
}

int pyro_http_address_parse(struct pyro_http_address *address, const char *text,
                            struct pyro_error *error)
{
    *address = (struct pyro_http_address){0};
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return parse_unix(address, text, error);
    return parse_tcp(address, text, error);
}

/* ---- listening ---- */

/* Removes a socket that somebody who is gone has left; anything else stays where it is. */
static int remove_stale(const struct pyro_http_address *address)
{
    const char *path = address->socket.un.sun_path;
    struct stat found;
    if (lstat(path, &found) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(found.st_mode) || found.st_uid != geteuid())
        return -EEXIST;
    cleanup_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return -errno;
    if (connect(probe, &address->socket.any, address->size) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

/* A peer whose host is gone without a word is found out. */
static void watch_peers(int fd)
{
    const int on = 1, idle_seconds = 30, every_seconds = 10, times = 3, unsent_ms = 60000;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_seconds, sizeof(every_seconds));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}

static int prepare(int fd, const struct pyro_http_address *address)
{
    const int on = 1;
    if (pyro_http_address_is_unix(address)) {
        int r = remove_stale(address);
        /* The file gets the mode of the socket, so it is never anybody else's. */
        return r == 0 && fchmod(fd, 0600) < 0 ? -errno : r;
    }
    watch_peers(fd);
    if (address->socket.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* What became of the address: the port that was chosen, the file that was made. */
static int look(int fd, struct pyro_http_address *address)
{
    struct stat made;
    if (!pyro_http_address_is_unix(address))
        return getsockname(fd, &address->socket.any, &address->size) < 0 ? -errno : 0;
    if (lstat(address->socket.un.sun_path, &made) < 0)
        return -errno;
    address->made = made.st_ino;
    return 0;
}

static int listen_on(int fd, struct pyro_http_address *address)
{
    int r = fd < 0 ? -errno : prepare(fd, address);
    if (r == 0 && bind(fd, &address->socket.any, address->size) < 0)
        r = -errno;
    if (r == 0)
        r = look(fd, address);
    return r == 0 && listen(fd, BACKLOG) < 0 ? -errno : r;
}

int pyro_http_address_listen(struct pyro_http_address *address, struct pyro_error *error)
{
    const int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    cleanup_close int fd = socket(address->socket.any.sa_family, flags, 0);
    int r = listen_on(fd, address);
    if (r == 0)
        return steal_fd(&fd);
    cleanup_free char *shown = pyro_http_address_show(address);
    pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot listen on %s", shown ? shown : "it");
    if (r == -EADDRINUSE)
        pyro_error_hint(error, "another server listens there: end it, or choose another place "
                               "(port 0: any that is free)");
    else if (r == -EEXIST)
        pyro_error_hint(error, "what is there is no socket of yours: remove it, or choose another "
                               "path");
    return -1;
}

void pyro_http_address_remove(struct pyro_http_address *address)
{
    const char *path = address->socket.un.sun_path;
    struct stat found;
    if (address->made && lstat(path, &found) == 0 && found.st_ino == address->made)
        unlink(path);
    address->made = 0;
}

/* ---- what it is ---- */

bool pyro_http_address_is_unix(const struct pyro_http_address *address)
{
    return address->socket.any.sa_family == AF_UNIX;
}

bool pyro_http_address_is_local(const struct pyro_http_address *address)
{
    if (address->socket.any.sa_family == AF_INET)
        return ntohl(address->socket.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return pyro_http_address_is_unix(address) ||
           IN6_IS_ADDR_LOOPBACK(&address->socket.in6.sin6_addr);
}

bool pyro_http_address_is_any(const struct pyro_http_address *address)
{
    if (address->socket.any.sa_family == AF_INET)
        return address->socket.in.sin_addr.s_addr == htonl(INADDR_ANY);
    return !pyro_http_address_is_unix(address) &&
           IN6_IS_ADDR_UNSPECIFIED(&address->socket.in6.sin6_addr);
}

unsigned pyro_http_address_port(const struct pyro_http_address *address)
{
    if (pyro_http_address_is_unix(address))
        return 0;
    return ntohs(address->socket.any.sa_family == AF_INET ? address->socket.in.sin_port
                                                          : address->socket.in6.sin6_port);
}

void pyro_http_address_name(const struct pyro_http_address *address, char *name, size_t size)
{
    name[0] = '\0';
    if (address->socket.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->socket.in.sin_addr, name, (socklen_t)size);
    else if (address->socket.any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &address->socket.in6.sin6_addr, name, (socklen_t)size);
    else
        snprintf(name, size, "%s", address->socket.un.sun_path);
}

char *pyro_http_address_show(const struct pyro_http_address *address)
{
    char name[sizeof(address->socket.un.sun_path)];
    pyro_http_address_name(address, name, sizeof(name));
    if (pyro_http_address_is_unix(address))
        return pyro_text_format(UNIX_PREFIX "%s", name);
    bool v6 = address->socket.any.sa_family == AF_INET6;
    return pyro_text_format("http://%s%s%s:%u" PYRO_MCP_HTTP_PATH, v6 ? "[" : "", name,
                            v6 ? "]" : "", pyro_http_address_port(address));
}
