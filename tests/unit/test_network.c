/* The guest's way out, spoken to as a guest's root could: raw frames. Nothing that is bound to the
 * host's loopback may answer, whatever address they name. Needs passt and a host with a route. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "tap.h"
#include "vm/network.h"

enum { FRAME = 14 + 20 + 20, ANSWER_MS = 300 };

enum { ADDRESS = PYRO_NETWORK + 16 };

static const uint8_t guest_mac[6] = {2, 0, 0, 0, 0, 1};

struct wire {
    int guest;
    struct pyro_loop loop;
    struct pyro_network *network; /* NULL: passt without the filter */
    pid_t passt;
    const char *ended;
};

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

static uint32_t sum(const uint8_t *bytes, size_t size)
{
    uint32_t total = 0;
    for (size_t i = 0; i < size; i++)
        total += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
    return total;
}

static unsigned fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
}

static void send_frame(struct wire *wire, const uint8_t *frame, size_t size)
{
    uint8_t prefix[4];
    put32(prefix, (uint32_t)size);
    if (pyro_fd_write_all(wire->guest, prefix, sizeof(prefix)) < 0 ||
        pyro_fd_write_all(wire->guest, frame, size) < 0)
        printf("# the wire is closed\n");
}

static void send_arp(struct wire *wire)
{
    uint8_t frame[42];
    memset(frame, 0xff, 6);
    memcpy(frame + 6, guest_mac, 6);
    memcpy(frame + 12, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
    memcpy(frame + 22, guest_mac, 6);
    put32(frame + 28, ADDRESS);
    memset(frame + 32, 0, 6);
    put32(frame + 38, PYRO_NETWORK_GATEWAY);
    send_frame(wire, frame, sizeof(frame));
}

/* A TCP SYN from the guest to `address`:`port`. */
static void send_syn(struct wire *wire, uint32_t address, unsigned port)
{
    uint8_t frame[FRAME] = {0}, *ip = frame + 14, *tcp = ip + 20;
    memcpy(frame, "\x52\x55\x0a\0\2\2", 6);
    memcpy(frame + 6, guest_mac, 6);
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, 40);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, ADDRESS);
    put32(ip + 16, address);
    put16(ip + 10, fold(sum(ip, 20)));
    static unsigned source_port = 40000;
    put16(tcp, ++source_port);
    put16(tcp + 2, port);
    put32(tcp + 4, 1000);
    tcp[12] = 5 << 4;
    tcp[13] = 2; /* SYN */
    put16(tcp + 14, 65535);
    put16(tcp + 16, fold(sum(ip + 12, 8) + 6 + 20 + sum(tcp, 20)));
    send_frame(wire, frame, sizeof(frame));
}

static void on_ended(void *userdata, const char *reason)
{
    struct wire *wire = userdata;
    wire->ended = reason;
}

/* Lets the wire work until `fd` is readable or the time is over. */
static int await(struct wire *wire, int fd, int timeout_ms)
{
    uint64_t deadline = pyro_now_ms() + (uint64_t)timeout_ms;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (!wire->ended && pyro_now_ms() < deadline) {
        if (poll(&wait, 1, wire->network ? 0 : 10) > 0)
            return 1;
        if (wire->network)
            pyro_loop_turn(&wire->loop, 10);
    }
    return 0;
}

static int open_wire(struct wire *wire, const char *passt, bool filtered)
{
    int ends[2];
    *wire = (struct wire){.passt = -1};
    if (pyro_fd_pair(ends) < 0 || pyro_loop_init(&wire->loop) < 0)
        return -1;
    wire->guest = ends[0];
    struct pyro_error error = PYRO_ERROR_INIT;
    if (filtered) {
        pyro_fd_set_nonblocking(ends[1]);
        if (pyro_network_start(&wire->loop, passt, ADDRESS, ends[1], on_ended, wire, &wire->network,
                               &error) < 0) {
            printf("# %s\n", error.message);
            return -1;
        }
    } else {
        char number[16];
        snprintf(number, sizeof(number), "%d", ends[1]);
        char *const argv[] = {(char *)passt, "-f",          "-q",   "-4", "--no-map-gw",
                              "-a",          "10.111.0.16", "-n",   "24", "-g",
                              "10.111.0.1",  "--fd",        number, NULL};
        struct pyro_spawn spawn = {.argv = argv,
                                   .stdin_fd = -1,
                                   .stdout_fd = -1,
                                   .stderr_fd = -1,
                                   .keep = &ends[1],
                                   .keep_count = 1,
                                   .death_signal = SIGKILL};
        if (pyro_spawn(&spawn, &wire->passt) < 0)
            return -1;
        close(ends[1]);
    }
    send_arp(wire);
    return await(wire, wire->guest, 5000) ? 0 : -1;
}

static void close_wire(struct wire *wire)
{
    pyro_network_destroy(wire->network);
    if (wire->passt > 0) {
        kill(wire->passt, SIGKILL);
        pyro_process_wait(wire->passt);
    }
    pyro_loop_finish(&wire->loop);
    close(wire->guest);
}

static int listen_on(uint32_t address, unsigned *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&name, size) < 0 || listen(fd, 8) < 0)
        return -1;
    getsockname(fd, (struct sockaddr *)&name, &size);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

static int reaches(struct wire *wire, uint32_t address, int listener, unsigned port)
{
    send_syn(wire, address, port);
    int reached = await(wire, listener, ANSWER_MS);
    int accepted = reached ? accept(listener, NULL, NULL) : -1;
    if (accepted >= 0)
        close(accepted);
    return reached;
}

static const struct {
    const char *name;
    uint32_t address;
} forbidden[] = {
    {"127.0.0.1", 0x7f000001},
    {"127.1.2.3", 0x7f010203},
    {"127.255.255.254", 0x7ffffffe},
    {"0.0.0.0", 0},
    {"0.0.0.1", 1},
    {"255.255.255.255", 0xffffffff},
    {"gateway", 0x0a6f0001},
    {"resolver", 0x0a6f0003},
    {"itself", 0x0a6f0002},
    {"its network", 0x0a6f0000},
    {"224.0.0.1", 0xe0000001},
};

static void test_loopback(const char *passt, int listener, unsigned port)
{
    struct wire wire;
    bool bare = open_wire(&wire, passt, false) == 0;
    for (size_t i = 0; bare && i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (reaches(&wire, forbidden[i].address, listener, port))
            printf("# without the filter this passt reaches the host's loopback by %s\n",
                   forbidden[i].name);
    }
    close_wire(&wire);
    if (!ok(open_wire(&wire, passt, true) == 0, "passt answers through the filter"))
        return;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        ok(!reaches(&wire, forbidden[i].address, listener, port),
           "the host's loopback is out of reach by %s", forbidden[i].name);
    close_wire(&wire);
}

/* So that silence above means the filter, not a broken frame. */
static void test_way_out(const char *passt)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(53)};
    socklen_t size = sizeof(name);
    inet_pton(AF_INET, "192.0.2.77", &name.sin_addr);
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool routed = connect(probe, (struct sockaddr *)&name, size) == 0 &&
                  getsockname(probe, (struct sockaddr *)&name, &size) == 0;
    close(probe);
    uint32_t address = ntohl(name.sin_addr.s_addr);
    unsigned port;
    int listener = routed ? listen_on(address, &port) : -1;
    struct wire wire;
    if (listener < 0 || address >> 24 == 127) {
        ok(1, "an address outside is reached # SKIP this host has none but loopback");
    } else if (ok(open_wire(&wire, passt, true) == 0, "passt answers")) {
        ok(reaches(&wire, address, listener, port), "an address outside is reached");
        close_wire(&wire);
    }
}

static void test_ends(const char *passt)
{
    struct wire wire;
    if (!ok(open_wire(&wire, passt, true) == 0, "passt answers"))
        return;
    shutdown(wire.guest, SHUT_RDWR);
    await(&wire, wire.guest, 0);
    uint64_t deadline = pyro_now_ms() + 5000;
    for (int i = 0; i < 3; i++)
        pyro_loop_turn(&wire.loop, 100);
    ok(!wire.ended, "the guest's end is no end of the network: why it ended others tell");
    close_wire(&wire);

    if (!ok(open_wire(&wire, passt, true) == 0, "passt answers"))
        return;
    ok(pyro_fd_write_all(wire.guest, "\xff\xff\xff\xff", 4) == 0, "a frame of 4 GiB is announced");
    while (!wire.ended && pyro_now_ms() < deadline)
        pyro_loop_turn(&wire.loop, 100);
    is_text(wire.ended, "QEMU sent something that is not an Ethernet frame", "and refused");
    close_wire(&wire);
}

int main(void)
{
    unsigned port;
    char *passt = pyro_program_find("passt");
    struct wire wire;
    bool works = passt && open_wire(&wire, passt, true) == 0;
    if (!works) {
        printf("1..0 # SKIP passt is not installed, or this host has no route\n");
        return 0;
    }
    close_wire(&wire);
    int listener = listen_on(INADDR_ANY, &port);
    if (ok(listener >= 0, "something listens on every address of the host")) {
        test_loopback(passt, listener, port);
        test_way_out(passt);
        test_ends(passt);
    }
    free(passt);
    return tap_done();
}
