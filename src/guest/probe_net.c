#include "guest/probe_net.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

/* Waits until `fd` can be written or read: 0 or a negative errno. */
static int wait_for(int fd, short events, uint64_t deadline_ms)
{
    struct pollfd polled = {.fd = fd, .events = events};
    uint64_t now = pyro_now_ms();
    int r = poll(&polled, 1, deadline_ms > now ? (int)MIN(deadline_ms - now, (uint64_t)60000) : 0);
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    return r == 0 ? -ETIMEDOUT : 0;
}

/* A connected socket, or a negative errno. */
static int connect_one(const struct addrinfo *address, uint64_t deadline_ms)
{
    cleanup_close int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    socklen_t size = sizeof(error);
    if (fd < 0)
        return -errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return steal_fd(&fd);
    if (errno != EINPROGRESS)
        return -errno;
    int r = wait_for(fd, POLLOUT, deadline_ms);
    if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        r = -errno;
    if (r == 0 && error == 0)
        return steal_fd(&fd);
    return r < 0 ? r : -error;
}

/* Tries all that the name stands for. A connected socket, or -1 and what was seen. */
static int connect_to(const char *host, const char *port, uint64_t deadline_ms, char *ret_answer)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    int r = getaddrinfo(host, port, &hints, &found);
    if (r != 0) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", host, gai_strerror(r));
        return -1;
    }
    int fd = -ENOENT;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = connect_one(at, deadline_ms);
    freeaddrinfo(found);
    if (fd >= 0)
        return fd;
    if (fd != -ETIMEDOUT || *ret_answer == '\0') /* else an earlier look has told more */
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s port %s: %s", host, port, strerror(-fd));
    return -1;
}

/* Splits "HOST:PORT" or "[ADDRESS]:PORT" in place; without a port it is `port`. False when it is
 * neither. */
static bool split(char *text, const char **ret_host, const char **port)
{
    char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');
    *ret_host = text;
    if (*text == '[' && bracket) {
        *ret_host = text + 1;
        *bracket = '\0';
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
        if (bracket[1] && !colon)
            return false;
    }
    if (colon) {
        *colon = '\0';
        *port = colon + 1;
    }
    return **ret_host && *port && **port;
}

int pyro_probe_tcp(const char *address, uint64_t deadline_ms,
                   char ret_answer[PYRO_PROBE_ANSWER_SIZE])
{
    cleanup_free char *text = strdup(address);
    const char *host, *port = NULL;
    if (!text || !split(text, &host, &port)) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s is not HOST:PORT", address);
        return -1;
    }
    cleanup_close int fd = connect_to(host, port, deadline_ms, ret_answer);
    return fd < 0 ? -1 : 0;
}

/* The status of the answer, or a negative errno. */
static int ask(int fd, const char *host, const char *path, uint64_t deadline_ms)
{
    cleanup_free char *request = NULL;
    char answer[64] = "";
    size_t have = 0;
    int size = asprintf(&request,
                        "GET %s%.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pyro-probe\r\n"
                        "Accept: */*\r\nConnection: close\r\n\r\n",
                        *path == '/' ? "" : "/", (int)strcspn(path, "#"), path, host);
    if (size < 0)
        return -ENOMEM;
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        return -EPIPE;
    while (have < sizeof(answer) - 1 && !memchr(answer, '\n', have)) {
        int r = wait_for(fd, POLLIN, deadline_ms);
        ssize_t got = r < 0 ? r : recv(fd, answer + have, sizeof(answer) - 1 - have, 0);
        if (got < 0 && r == 0)
            got = errno == EINTR || errno == EAGAIN ? 0 : -errno;
        else if (got == 0)
            got = -ECONNRESET;
        if (got < 0)
            return (int)got;
        have += (size_t)got;
    }
    int status;
    return sscanf(answer, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : -EBADMSG;
}

int pyro_probe_http(const char *url, uint64_t deadline_ms, char ret_answer[PYRO_PROBE_ANSWER_SIZE])
{
    static const char scheme[] = "http://";
    cleanup_free char *named = NULL, *text = NULL;
    const char *host, *port = "80";
    if (strncmp(url, scheme, strlen(scheme)) == 0) {
        const char *rest = url + strlen(scheme);
        named = strndup(rest, strcspn(rest, "/?#"));
        text = named ? strdup(named) : NULL;
    }
    if (!text || !split(text, &host, &port)) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s is not http://HOST[:PORT]/PATH", url);
        return -1;
    }
    const char *path = url + strlen(scheme) + strlen(named);
    cleanup_close int fd = connect_to(host, port, deadline_ms, ret_answer);
    if (fd < 0)
        return -1;
    int status = ask(fd, named, path, deadline_ms);
    if (status >= 200 && status < 400)
        return 0;
    if (status == -EBADMSG)
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: the answer is no HTTP", url);
    else if (status < 0 && (status != -ETIMEDOUT || *ret_answer == '\0'))
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", url, strerror(-status));
    else if (status >= 0)
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s answers with status %d", url, status);
    return -1;
}
