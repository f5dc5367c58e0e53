/* The filter's rule, frame by frame, and the relay's cutting of a stream into frames. */
#include "tap.h"

#include <errno.h>

#include "vm/network.h"
#include "vm/relay.h"

enum { FRAME = 14 + 20 + 8 };

static void make_ipv4(uint8_t frame[FRAME], uint32_t destination, uint8_t protocol)
{
    memset(frame, 0, FRAME);
    frame[12] = 0x08;
    uint8_t *ip = frame + 14;
    ip[0] = 0x45;
    ip[3] = FRAME - 14;
    ip[9] = protocol;
    for (int i = 0; i < 4; i++)
        ip[16 + i] = (uint8_t)(destination >> (24 - 8 * i));
}

static void test_addresses(void)
{
    static const struct {
        uint32_t address;
        uint8_t protocol;
        bool allowed;
        const char *name;
    } cases[] = {
        {0x01010101, 6, true, "1.1.1.1"},
        {0x01010101, 17, true, "1.1.1.1, UDP"},
        {0x01010101, 1, true, "1.1.1.1, ping"},
        {0x01010101, 2, false, "1.1.1.1, IGMP"},
        {0x01010101, 132, false, "1.1.1.1, SCTP"},
        {0xc0a80001, 6, true, "192.168.0.1"},
        {0x0a000001, 6, true, "10.0.0.1"},
        {0x0a6e00ff, 6, true, "10.110.0.255"},
        {0x0a6f0100, 6, true, "10.111.1.0"},
        {0x7effffff, 6, true, "126.255.255.255"},
        {0x80000000, 6, true, "128.0.0.0"},
        {0xdfffffff, 6, true, "223.255.255.255"},
        {0xa9fd0001, 6, true, "169.253.0.1"},
        {PYRO_NETWORK_DNS, 17, false, "the resolver, port 0"},
        {PYRO_NETWORK_DNS, 1, false, "the resolver, ping"},
        {PYRO_NETWORK_GATEWAY, 1, false, "the gateway, ping"},
        {PYRO_NETWORK_GATEWAY, 6, false, "the gateway, TCP"},
        {PYRO_NETWORK_GATEWAY, 17, false, "the gateway, UDP"},
        {PYRO_NETWORK + 16, 6, false, "the guest itself"},
        {0x0a6f00ff, 17, false, "its own network's broadcast"},
        {0x7f000001, 6, false, "127.0.0.1"},
        {0x7f000001, 17, false, "127.0.0.1, UDP"},
        {0x7f000035, 17, false, "127.0.0.53, UDP"},
        {0x7fffffff, 6, false, "127.255.255.255"},
        {0x00000000, 6, false, "0.0.0.0"},
        {0x00ffffff, 6, false, "0.255.255.255"},
        {0xa9fea9fe, 6, false, "169.254.169.254"},
        {0xe0000001, 17, false, "224.0.0.1"},
        {0xf0000001, 6, false, "240.0.0.1"},
        {0xffffffff, 17, false, "255.255.255.255"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t frame[FRAME];
        make_ipv4(frame, cases[i].address, cases[i].protocol);
        ok(pyro_network_allows(frame, FRAME) == cases[i].allowed, "%s is %s", cases[i].name,
           cases[i].allowed ? "allowed" : "dropped");
    }
}

static void test_resolver(void)
{
    uint8_t frame[FRAME];
    make_ipv4(frame, PYRO_NETWORK_DNS, 17);
    frame[14 + 20 + 3] = 53;
    ok(pyro_network_allows(frame, FRAME), "a question to the resolver is allowed");
    frame[14 + 9] = 6;
    ok(pyro_network_allows(frame, FRAME), "by TCP too");
    frame[14 + 20 + 3] = 54;
    ok(!pyro_network_allows(frame, FRAME), "another port is dropped");
    frame[14 + 20 + 3] = 53;
    frame[14 + 7] = 1;
    ok(!pyro_network_allows(frame, FRAME), "a later fragment is dropped");
    frame[14 + 7] = 0;
    frame[14 + 6] = 0x20;
    ok(!pyro_network_allows(frame, FRAME), "a first fragment is dropped");
    frame[14 + 6] = 0x40;
    ok(pyro_network_allows(frame, FRAME), "forbidding fragments is allowed");
    frame[14 + 3] = 23;
    ok(!pyro_network_allows(frame, FRAME), "a cut port is dropped");
}

static void test_shapes(void)
{
    uint8_t frame[FRAME];
    make_ipv4(frame, 0x01010101, 6);
    int passed = 0;
    for (size_t size = 0; size < FRAME; size++)
        passed += pyro_network_allows(frame, size);
    is_int(passed, 0, "a packet cut anywhere is dropped");
    frame[14] = 0x44;
    ok(!pyro_network_allows(frame, FRAME), "a header of 16 bytes is dropped");
    frame[14] = 0x4f;
    ok(!pyro_network_allows(frame, FRAME), "a header longer than the packet is dropped");
    frame[14] = 0x65;
    ok(!pyro_network_allows(frame, FRAME), "IPv6 called IPv4 is dropped");
    make_ipv4(frame, 0x01010101, 6);
    frame[16] = 0xff;
    ok(!pyro_network_allows(frame, FRAME), "a length beyond the frame is dropped");
    make_ipv4(frame, 0x01010101, 6);
    frame[12] = 0x86, frame[13] = 0xdd;
    ok(!pyro_network_allows(frame, FRAME), "IPv6 is dropped");
    frame[12] = 0x81, frame[13] = 0x00;
    ok(!pyro_network_allows(frame, FRAME), "a VLAN tag is dropped");
    frame[12] = 0x08, frame[13] = 0x06;
    ok(pyro_network_allows(frame, FRAME), "ARP is allowed");
    ok(!pyro_network_allows(frame, 14 + 27), "a short ARP is dropped");
}

static void add_frame(struct pyro_buffer *buffer, uint32_t destination)
{
    uint8_t frame[FRAME];
    make_ipv4(frame, destination, 6);
    pyro_buffer_append(buffer, "\0\0\0", 3);
    pyro_buffer_append(buffer, &(uint8_t){FRAME}, 1);
    pyro_buffer_append(buffer, frame, FRAME);
}

/* Good, bad, good; fed in pieces of every size, the two good ones come out. */
static void test_cutting(void)
{
    struct pyro_buffer whole, from, to;
    pyro_buffer_init(&whole, 4096);
    add_frame(&whole, 0x01010101);
    add_frame(&whole, 0x7f000001);
    add_frame(&whole, 0x02020202);
    int good = 0;
    for (size_t piece = 1; piece <= whole.size; piece++) {
        pyro_buffer_init(&from, 4096);
        pyro_buffer_init(&to, 4096);
        int r = 0;
        for (size_t at = 0; at < whole.size && r == 0; at += piece) {
            size_t size = whole.size - at < piece ? whole.size - at : piece;
            pyro_buffer_append(&from, pyro_buffer_data(&whole) + at, size);
            r = pyro_relay_filter(&from, &to);
        }
        good += r == 0 && to.size == 2 * (FRAME + 4) && from.size == 0;
        pyro_buffer_finish(&from);
        pyro_buffer_finish(&to);
    }
    is_int(good, whole.size, "frames are cut right whatever the pieces");
    pyro_buffer_finish(&whole);
}

static void test_bounds(void)
{
    struct pyro_buffer from, to;
    pyro_buffer_init(&from, 4096);
    pyro_buffer_init(&to, FRAME + 4 + 10);
    add_frame(&from, 0x01010101);
    add_frame(&from, 0x01010101);
    is_int(pyro_relay_filter(&from, &to), 0, "a full way out is no error");
    is_int(from.size, FRAME + 4, "what has no room waits");
    pyro_buffer_consume(&to, to.size);
    is_int(pyro_relay_filter(&from, &to), 0, "and goes later");
    is_int(from.size, 0, "whole");
    pyro_buffer_append(&from, "\0\1\0\x0f", 4);
    is_int(pyro_relay_filter(&from, &to), -EPROTO, "a frame larger than any is refused");
    pyro_buffer_consume(&from, 4);
    pyro_buffer_append(&from, "\0\0\0\0", 4);
    is_int(pyro_relay_filter(&from, &to), -EPROTO, "an empty frame is refused");
    pyro_buffer_finish(&from);
    pyro_buffer_finish(&to);
}

int main(void)
{
    test_addresses();
    test_resolver();
    test_shapes();
    test_cutting();
    test_bounds();
    return tap_done();
}
