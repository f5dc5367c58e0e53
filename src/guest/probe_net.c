#include "guest/probe_net.h"

#include <errno.h>
#include <inttypes.h>
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
#include "wire/endpoint.h"

/* Waits until `fd` can be written or read: 0 or a negative errno. */
static int wait_for(int fd, short events, uint64_t deadline_ms)
{
    struct pollfd polled = {.fd = fd, .events = events};
    for (;;) {
        uint64_t now = pyro_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
        int r = poll(&polled, 1, (int)MIN(left, (uint64_t)60000));
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0 && left <= 60000)
            return -ETIMEDOUT;
    }
}

/* That nobody answered is news if there was time to, or else if nothing is known yet. */
static void tell_silence(const char *what, uint64_t begun_ms, uint64_t deadline_ms,
                         char *ret_answer)
{
    enum { ENOUGH_MS = 1000 };
    uint64_t waited_ms = deadline_ms - MIN(begun_ms, deadline_ms);
    if (waited_ms >= ENOUGH_MS || *ret_answer == '\0')
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: no answer within %" PRIu64 " ms", what,
                 waited_ms);
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
static int connect_to(const struct pyro_endpoint *to, uint64_t deadline_ms, char *ret_answer)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    uint64_t begun_ms = pyro_now_ms();
    bool is_first = *ret_answer == '\0';
    if (is_first) /* until it is: that may take longer than all looks may */
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: the name is not resolved", to->host);
    int r = getaddrinfo(to->host, to->port, &hints, &found);
    if (is_first)
        *ret_answer = '\0';
    if (r != 0) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", to->host, gai_strerror(r));
        return -1;
    }
    int fd = -ENOENT;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = connect_one(at, deadline_ms);
    freeaddrinfo(found);
    if (fd >= 0)
        return fd;
    char what[sizeof(to->host) + sizeof(to->port) + 8];
    snprintf(what, sizeof(what), "%s port %s", to->host, to->port);
    if (fd == -ETIMEDOUT)
        tell_silence(what, begun_ms, deadline_ms, ret_answer);
    else
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", what, strerror(-fd));
    return -1;
}

int pyro_probe_tcp(const char *address, uint64_t deadline_ms,
                   char ret_answer[PYRO_PROBE_ANSWER_SIZE])
{
    struct pyro_endpoint endpoint;
    if (!pyro_endpoint_parse(address, strlen(address), NULL, &endpoint)) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s is not HOST:PORT", address);
        return -1;
    }
    cleanup_close int fd = connect_to(&endpoint, deadline_ms, ret_answer);
    return fd < 0 ? -1 : 0;
}

/* The status of the answer, or a negative errno. */
static int ask(int fd, const struct pyro_url *url, uint64_t deadline_ms)
{
    cleanup_free char *request = NULL;
    char answer[64] = "";
    size_t have = 0;
    int size = asprintf(&request,
                        "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: pyro-probe\r\n"
                        "Accept: */*\r\nConnection: close\r\n\r\n",
                        *url->path == '/' ? "" : "/", (int)url->path_size, url->path,
                        (int)url->authority_size, url->authority);
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

int pyro_probe_http(const char *text, uint64_t deadline_ms, char ret_answer[PYRO_PROBE_ANSWER_SIZE])
{
    struct pyro_url url;
    if (!pyro_url_parse(text, &url)) {
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s is not http://HOST[:PORT]/PATH", text);
        return -1;
    }
    uint64_t begun_ms = pyro_now_ms();
    cleanup_close int fd = connect_to(&url.endpoint, deadline_ms, ret_answer);
    if (fd < 0)
        return -1;
    int status = ask(fd, &url, deadline_ms);
    if (status >= 200 && status < 400)
        return 0;
    if (status == -EBADMSG)
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: the answer is no HTTP", text);
    else if (status == -ETIMEDOUT)
        tell_silence(text, begun_ms, deadline_ms, ret_answer);
    else if (status < 0)
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", text, strerror(-status));
    else
        snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s answers with status %d", text, status);
    return -1;
}
