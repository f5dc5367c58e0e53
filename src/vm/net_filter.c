/* Which of a guest's frames may leave it. A guest's root can send any bytes, and passt connects to
 * whatever address a packet names: 127.0.0.1 would be the host's own loopback. So only two kinds of
 * frame pass, whole enough to be judged: ARP, and IPv4 to an address outside or to the resolver. */
#include "vm/network.h"

enum {
    ETHERNET_SIZE = 14,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ARP_SIZE = 28,
    IPV4_SIZE = 20,
    IPV4_FRAGMENT = 6,
    IPV4_PROTOCOL = 9,
    IPV4_DESTINATION = 16,
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    DNS_PORT = 53,
};

static unsigned get16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* passt hands what is meant for PYRO_NETWORK_DNS to the host's resolver, which may well listen on
 * the host's loopback: so questions to it, and nothing else. A fragment does not tell its port. */
static bool is_dns(const uint8_t *packet, size_t header, size_t total)
{
    bool fragment = (get16(packet + IPV4_FRAGMENT) & 0x3fff) != 0;
    uint8_t protocol = packet[IPV4_PROTOCOL];
    return !fragment && (protocol == PROTOCOL_UDP || protocol == PROTOCOL_TCP) &&
           total >= header + 4 && get16(packet + header + 2) == DNS_PORT;
}

static bool is_outside(uint32_t address)
{
    const uint32_t mask = ~0u << (32 - PYRO_NETWORK_PREFIX);
    unsigned first = address >> 24;
    if ((address & mask) == (PYRO_NETWORK & mask)) /* the guest's own small network */
        return false;
    if (first == 0 || first == 127) /* "this host", loopback */
        return false;
    if (first == 169 && (address >> 16 & 0xff) == 254) /* link-local: a cloud's metadata */
        return false;
    return first < 224; /* no multicast, nothing reserved, no broadcast */
}

static bool allows_ipv4(const uint8_t *packet, size_t size)
{
    if (size < IPV4_SIZE || packet[0] >> 4 != 4)
        return false;
    size_t header = (size_t)(packet[0] & 0xf) * 4;
    size_t total = get16(packet + 2);
    if (header < IPV4_SIZE || total < header || total > size)
        return false;
    uint8_t protocol = packet[IPV4_PROTOCOL];
    uint32_t address = get32(packet + IPV4_DESTINATION);
    if (address == PYRO_NETWORK_DNS)
        return is_dns(packet, header, total);
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP && protocol != PROTOCOL_ICMP)
        return false;
    return is_outside(address);
}

bool pyro_network_allows(const uint8_t *frame, size_t size)
{
    if (size < ETHERNET_SIZE)
        return false;
    const uint8_t *payload = frame + ETHERNET_SIZE;
    size_t payload_size = size - ETHERNET_SIZE;
    switch (get16(frame + 12)) {
    case ETHERTYPE_ARP:
        return payload_size >= ARP_SIZE;
    case ETHERTYPE_IPV4:
        return allows_ipv4(payload, payload_size);
    default:
        return false;
    }
}
