/* The channels to clients: the one inherited at the start, and those who connect to the socket.
 * They are of the same user (0700 directory, 0600 socket, peer credentials). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "supervisor/session.h"

static void drop(struct client *client)
{
    struct supervisor *supervisor = client->supervisor;
    for (struct client **at = &supervisor->clients; *at; at = &(*at)->next) {
        if (*at == client) {
            *at = client->next;
            supervisor->client_count--;
            break;
        }
    }
    pyro_source_set(&supervisor->listener, EPOLLIN);
    bool was_owner = client->is_owner;
    exec_client_gone(client);
    sessions_client_gone(client);
    pyro_source_remove(&client->source);
    /* The owner's descriptor stays open to the very end: its end tells the client that nothing of
     * the VM is left. */
    if (was_owner)
        supervisor->owner_fd = client->source.fd;
    else
        close(client->source.fd);
    pyro_buffer_finish(&client->in);
    pyro_buffer_finish(&client->out);
    pyro_buffer_finish(&client->attached);
    free(client);
    if (was_owner)
        life_event(supervisor, EVENT_OWNER_GONE, "the client went away");
}

/* Whether it has all its answers, and only keeps its place for what it may ask next. */
static bool is_resting(const struct client *client)
{
    bool is_quiet = client->in.size == 0 && client->out.size == 0 && client->attached.size == 0;
    return client->has_asked && client->unanswered == 0 && !client->execs && !client->is_owner &&
           is_quiet;
}

static void flush(struct client *client)
{
    int r = pyro_buffer_write(&client->out, client->source.fd);
    uint32_t in = client->is_held ? 0 : EPOLLIN;
    if (r == 0 || r == -EAGAIN)
        pyro_source_set(&client->source, r == 0 ? in : in | EPOLLOUT);
    if (is_resting(client))
        pyro_source_set(&client->supervisor->listener,
                        EPOLLIN); /* somebody may wait for its place */
    /* A broken connection shows up as EPOLLHUP; the client is dropped there, never under a caller.
     */
}

void serve_send(struct client *client, int queued)
{
    if (queued < 0)
        shutdown(client->source.fd, SHUT_RDWR);
    flush(client);
}

static int queue_state(struct client *client)
{
    struct supervisor *supervisor = client->supervisor;
    struct pyro_state state = {.phase = supervisor->frozen                   ? PYRO_PHASE_FROZEN
                                        : supervisor->state >= STATE_CLOSING ? PYRO_PHASE_STOPPED
                                        : supervisor->state == STATE_RUNNING ? PYRO_PHASE_RUNNING
                                                                             : PYRO_PHASE_BOOTING};
    memcpy(state.boot_json, supervisor->boot_json, sizeof(supervisor->boot_json));
    client->is_told = true;
    return supervisor->failure.code ? pyro_failure_pack(&client->out, &supervisor->failure)
                                    : pyro_state_pack(&client->out, &state);
}

static int stop(struct client *client, const struct pyro_frame *frame)
{
    enum pyro_stop_kind kind;
    if (pyro_stop_unpack(frame->payload, frame->length, &kind) < 0)
        return -EPROTO;
    life_event(client->supervisor, kind == PYRO_STOP_AT_ONCE ? EVENT_STOP_AT_ONCE : EVENT_STOP,
               "a client stopped the VM");
    return 0;
}

static int freeze(struct client *client)
{
    if (!client->supervisor->config.freeze_into)
        return -EPROTO;
    life_event(client->supervisor, EVENT_FREEZE, "a client freezes the VM");
    return 0;
}

/* The one that makes a workspace says that it is complete: it stays when that client goes. */
static int keep(struct client *client, const struct pyro_frame *frame)
{
    struct supervisor *supervisor = client->supervisor;
    struct pyro_error error;
    cleanup_free char *seed_json = malloc(frame->length);
    if (!supervisor->config.is_workspace || supervisor->state != STATE_RUNNING ||
        !client->is_owner || !seed_json ||
        pyro_keep_unpack(frame->payload, frame->length, seed_json, frame->length) < 0)
        return -EPROTO;
    if (history_keep(supervisor, seed_json, &error) < 0) {
        life_event(supervisor, EVENT_KEEP_FAILED, "%s", error.message);
        return 0;
    }
    client->is_owner = false;
    serve_send(client,
               pyro_frame_append(&client->out, PYRO_FRAME_KEPT, PYRO_CHANNEL_NONE, 0, NULL, 0));
    return 0;
}

/* Whoever started the VM in advance puts it to use now. */
static int claim(struct client *client, const struct pyro_frame *frame)
{
    struct supervisor *supervisor = client->supervisor;
    uint32_t ttl_seconds;
    if (!client->is_owner || pyro_u32_unpack(frame->payload, frame->length, &ttl_seconds) < 0)
        return -EPROTO;
    expiry_restart(supervisor, ttl_seconds);
    return 0;
}

static int take_frame(struct client *client, const struct pyro_frame *frame)
{
    switch (frame->type) {
    case PYRO_FRAME_STOP:
        return stop(client, frame);
    case PYRO_FRAME_FREEZE:
        return freeze(client);
    case PYRO_FRAME_KEEP:
        return keep(client, frame);
    case PYRO_FRAME_CLAIM:
        return claim(client, frame);
    case PYRO_FRAME_EXEC:
        return exec_begin(client, frame);
    case PYRO_FRAME_ATTACH:
        return request_attach(client, frame);
    case PYRO_FRAME_REQUEST:
        return request_take(client, frame);
    default:
        return exec_from_client(client, frame);
    }
}

/* A request waits for the guest to run. A command that comes while it is powered off waits for our
 * end, without a word: its client starts the guest again then. */
static bool hold(struct client *client, const struct pyro_frame *frame)
{
    enum state state = client->supervisor->state;
    client->is_held = (frame->type == PYRO_FRAME_REQUEST && state < STATE_RUNNING) ||
                      (frame->type == PYRO_FRAME_EXEC && state >= STATE_CLOSING);
    return client->is_held;
}

/* 0, or a negative errno when the client must go. */
static int take_frames(struct client *client)
{
    struct pyro_frame frame;
    int r;
    while ((r = pyro_frame_decode(pyro_buffer_data(&client->in), client->in.size, PYRO_FROM_CLIENT,
                                  &frame)) > 0) {
        if (hold(client, &frame)) { /* serve_state() goes on with it */
            flush(client);
            return 0;
        }
        int taken = take_frame(client, &frame);
        if (taken < 0)
            return taken;
        pyro_buffer_consume(&client->in, pyro_frame_size(&frame));
    }
    return r;
}

void serve_state(struct supervisor *supervisor)
{
    struct client *next;
    for (struct client *client = supervisor->clients; client; client = next) {
        next = client->next;
        if (!client->is_told && supervisor->state >= STATE_CLOSING && !supervisor->failure.code)
            continue; /* that nothing was done for it it hears by our silence */
        serve_send(client, queue_state(client));
        if (client->is_held && supervisor->state < STATE_CLOSING && take_frames(client) < 0)
            shutdown(client->source.fd, SHUT_RDWR);
        flush(client);
    }
}

/* False when that was the last of the client. */
static bool receive(struct client *client)
{
    long got = pyro_buffer_read(&client->in, client->source.fd, PYRO_FRAME_SIZE_MAX);
    if (got == -EAGAIN || (got > 0 && take_frames(client) == 0))
        return true;
    drop(client);
    return false;
}

static void ready_io(struct pyro_source *source, uint32_t events)
{
    struct client *client = source->userdata;
    if (events & EPOLLOUT)
        flush(client);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(client);
}

/* Takes over a descriptor that does not block. What it hears first is queued: nothing, when it came
 * while the guest is powered off. */
static int add(struct supervisor *supervisor, int fd, bool is_owner, struct client **ret_client)
{
    struct client *client = calloc(1, sizeof(*client));
    int r = client
                ? pyro_source_add(&supervisor->loop, &client->source, fd, EPOLLIN, ready_io, client)
                : -ENOMEM;
    if (r < 0) {
        free(client);
        close(fd);
        return r;
    }
    client->supervisor = supervisor;
    client->is_owner = is_owner;
    pyro_buffer_init(&client->in, 2 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&client->out, OUTGOING_MAX);
    pyro_buffer_init(&client->attached, ATTACHED_MAX);
    client->next = supervisor->clients;
    supervisor->clients = client;
    supervisor->client_count++;
    bool is_told = supervisor->state < STATE_CLOSING || supervisor->failure.code;
    if (is_told && queue_state(client) < 0)
        shutdown(fd, SHUT_RDWR);
    *ret_client = client;
    return 0;
}

int serve_add(struct supervisor *supervisor, int fd, bool is_owner)
{
    struct client *client;
    int r = pyro_fd_set_nonblocking(fd);
    if (r < 0)
        close(fd);
    else
        r = add(supervisor, fd, is_owner, &client);
    if (r == 0)
        flush(client);
    return r;
}

static bool is_same_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

void serve_answered(struct client *client)
{
    client->unanswered--;
    pyro_source_set(&client->supervisor->listener, EPOLLIN); /* for those who wait for its place */
}

static struct client *find_resting(const struct supervisor *supervisor)
{
    struct client *resting = NULL;
    for (struct client *client = supervisor->clients; client; client = client->next) {
        if (is_resting(client))
            resting = client; /* the last one connected first */
    }
    return resting;
}

/* The place of one that rests is free: it connects again when it wants something. What it asked
 * while we were here is heard first, because it takes silence for a request that was not seen. */
static bool make_room(struct supervisor *supervisor)
{
    struct client *resting;
    while (supervisor->client_count >= CLIENTS_MAX && (resting = find_resting(supervisor))) {
        if (receive(resting) && is_resting(resting))
            drop(resting);
    }
    return supervisor->client_count < CLIENTS_MAX;
}

/* One that gave up while it waited for its place: what it asked for is not to be done any more. */
static bool has_left(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLRDHUP};
    return poll(&polled, 1, 0) > 0 && polled.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void listen_again(struct pyro_timer *timer)
{
    struct supervisor *supervisor = timer->userdata;
    if (supervisor->listener.loop)
        pyro_source_set(&supervisor->listener, EPOLLIN);
}

static void incoming(struct pyro_source *source, uint32_t events)
{
    enum { PAUSE_MS = 1000 };
    struct supervisor *supervisor = source->userdata;
    (void)events;
    if (supervisor->client_count >= CLIENTS_MAX && !make_room(supervisor)) {
        pyro_source_set(source, 0); /* others wait until one has gone, or has its answer */
        return;
    }
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        pyro_source_set(source,
                        0); /* no descriptor or memory for it, and it would go on knocking */
        pyro_timer_start(&supervisor->loop, &supervisor->listening, PAUSE_MS, listen_again,
                         supervisor);
    }
    if (fd < 0)
        return;
    if (!is_same_user(fd) || has_left(fd)) {
        close(fd);
        return;
    }
    /* Most ask at once: then the answer goes the way of the first words. */
    struct client *client;
    if (add(supervisor, fd, false, &client) == 0 && receive(client))
        flush(client);
}

int serve_open(struct supervisor *supervisor)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* A bundle's path can be longer than a socket's may be: go through the directory's descriptor.
     */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket",
             supervisor->directory);
    unlinkat(supervisor->directory, "socket", 0);
    mode_t mask = umask(0177);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    if (r == 0 && listen(fd, CLIENTS_MAX) < 0)
        r = -errno;
    if (r == 0)
        r = pyro_source_add(&supervisor->loop, &supervisor->listener, fd, EPOLLIN, incoming,
                            supervisor);
    if (r == 0)
        steal_fd(&fd);
    return r;
}

/* Those who came too late to be served hear how it ended all the same. */
static void close_listener(struct supervisor *supervisor)
{
    int fd;
    if (!supervisor->listener.loop)
        return;
    pyro_source_remove(&supervisor->listener);
    pyro_timer_stop(&supervisor->listening);
    while (supervisor->client_count < CLIENTS_MAX &&
           (fd = accept4(supervisor->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (is_same_user(fd))
            serve_add(supervisor, fd, false);
        else
            close(fd);
    }
    close(supervisor->listener.fd);
}

/* Gives clients that read a moment to take what is queued for them, all at once. */
static void flush_patiently(struct supervisor *supervisor)
{
    uint64_t deadline = pyro_now_ms() + FLUSH_MS;
    for (;;) {
        struct pollfd waits[CLIENTS_MAX];
        nfds_t count = 0;
        for (struct client *client = supervisor->clients; client; client = client->next) {
            if (pyro_buffer_write(&client->out, client->source.fd) == -EAGAIN)
                waits[count++] = (struct pollfd){.fd = client->source.fd, .events = POLLOUT};
        }
        uint64_t now = pyro_now_ms();
        if (count == 0 || now >= deadline || poll(waits, count, (int)(deadline - now)) <= 0)
            return;
    }
}

void serve_close(struct supervisor *supervisor)
{
    close_listener(supervisor);
    flush_patiently(supervisor);
    while (supervisor->clients)
        drop(supervisor->clients);
}
