#include "vm/relay.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/macros.h"
#include "vm/network.h"

enum { PREFIX_SIZE = 4, READ_SIZE = 128 << 10 };

static uint32_t get_length(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

int pyro_relay_filter(struct pyro_buffer *from, struct pyro_buffer *to)
{
    while (from->size >= PREFIX_SIZE) {
        const uint8_t *bytes = pyro_buffer_data(from);
        uint32_t length = get_length(bytes);
        if (length == 0 || length > PYRO_RELAY_FRAME_CAP)
            return -EPROTO;
        size_t whole = PREFIX_SIZE + (size_t)length;
        if (from->size < whole)
            return 0;
        if (pyro_network_allows(bytes + PREFIX_SIZE, length)) {
            int r = pyro_buffer_append(to, bytes, whole);
            if (r < 0)
                return r == -EOVERFLOW ? 0 : r;
        }
        pyro_buffer_consume(from, whole);
    }
    return 0;
}

static void unwatch(struct pyro_relay *relay)
{
    pyro_source_remove(&relay->nic);
    pyro_source_remove(&relay->passt);
}

static void end(struct pyro_relay *relay, const char *reason)
{
    if (!relay->ended)
        return;
    void (*ended)(void *, const char *) = relay->ended;
    relay->ended = NULL;
    unwatch(relay);
    ended(relay->userdata, reason);
}

static uint32_t wanted(const struct pyro_buffer *into, const struct pyro_buffer *out)
{
    return (pyro_buffer_room(into) > 0 ? (uint32_t)EPOLLIN : 0) |
           (out->size > 0 ? (uint32_t)EPOLLOUT : 0);
}

static bool can_go_on(long r)
{
    return r > 0 || r == -EAGAIN || r == -ENOBUFS;
}

/* Moves what can be moved, in both directions, after either side became ready. Every turn does a
 * bounded amount of work, so one busy guest cannot hold up the supervisor's other business. */
static void pump(struct pyro_relay *relay, bool nic_readable, bool passt_readable)
{
    if (nic_readable && !can_go_on(pyro_buffer_read(&relay->from_nic, relay->nic.fd, READ_SIZE))) {
        unwatch(relay); /* QEMU ends, and is watched itself */
        return;
    }
    if (passt_readable &&
        !can_go_on(pyro_buffer_read(&relay->to_nic, relay->passt.fd, READ_SIZE))) {
        end(relay, "passt closed its connection");
        return;
    }
    int r = pyro_buffer_write(&relay->to_nic, relay->nic.fd);
    if (r < 0 && r != -EAGAIN) {
        unwatch(relay); /* QEMU ends, and is watched itself */
        return;
    }
    r = pyro_relay_filter(&relay->from_nic, &relay->to_passt);
    if (r < 0) {
        end(relay, "QEMU sent something that is not an Ethernet frame");
        return;
    }
    r = pyro_buffer_write(&relay->to_passt, relay->passt.fd);
    if (r == 0) /* there may be frames that had to wait for room */
        r = pyro_relay_filter(&relay->from_nic, &relay->to_passt);
    if (r < 0 && r != -EAGAIN) {
        end(relay, "passt closed its connection");
        return;
    }
    pyro_source_set(&relay->nic, wanted(&relay->from_nic, &relay->to_nic));
    pyro_source_set(&relay->passt, wanted(&relay->to_nic, &relay->to_passt));
}

static bool is_readable(uint32_t events)
{
    return (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
}

static void on_nic(struct pyro_source *source, uint32_t events)
{
    pump(source->userdata, is_readable(events), false);
}

static void on_passt(struct pyro_source *source, uint32_t events)
{
    pump(source->userdata, false, is_readable(events));
}

int pyro_relay_start(struct pyro_relay *relay, struct pyro_loop *loop, int nic_fd, int passt_fd,
                     void (*ended)(void *userdata, const char *reason), void *userdata)
{
    *relay = (struct pyro_relay){.ended = ended, .userdata = userdata};
    pyro_buffer_init(&relay->from_nic, PYRO_RELAY_BUFFER_CAP);
    pyro_buffer_init(&relay->to_passt, PYRO_RELAY_BUFFER_CAP);
    pyro_buffer_init(&relay->to_nic, PYRO_RELAY_BUFFER_CAP);
    int r = pyro_source_add(loop, &relay->nic, nic_fd, EPOLLIN, on_nic, relay);
    if (r == 0)
        r = pyro_source_add(loop, &relay->passt, passt_fd, EPOLLIN, on_passt, relay);
    if (r < 0)
        pyro_relay_stop(relay);
    return r;
}

void pyro_relay_stop(struct pyro_relay *relay)
{
    relay->ended = NULL;
    unwatch(relay);
    pyro_buffer_finish(&relay->from_nic);
    pyro_buffer_finish(&relay->to_passt);
    pyro_buffer_finish(&relay->to_nic);
}
