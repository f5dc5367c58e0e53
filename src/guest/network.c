/* By ioctl rather than netlink: an interface has one address here, and these calls replace it,
 * where netlink would add a second one that has to be looked for and deleted after a restore. */
#include "guest/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"

static const char card_name[] = "eth0";

struct card {
    uint8_t mac[PYRO_MAC_SIZE];
    uint32_t address, gateway;
    uint8_t prefix_length;
};

static struct card in_force;
static bool is_configured; /* `in_force` is */
static bool is_sealed;     /* and nothing has changed it since SEAL */
static int control = -1;   /* stays open: a copy of a template need not make it */

static struct ifreq request_for(const char *interface)
{
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
    return request;
}

static void put_address(struct sockaddr *at, uint32_t address)
{
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    memcpy(at, &value, sizeof(value));
}

static int set_flag(int fd, const char *interface, short flag, bool on)
{
    struct ifreq request = request_for(interface);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return -errno;
    short flags = (short)(on ? request.ifr_flags | flag : request.ifr_flags & ~flag);
    if (flags == request.ifr_flags)
        return 0;
    request.ifr_flags = flags;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int set_address(int fd, unsigned long operation, uint32_t address)
{
    struct ifreq request = request_for(card_name);
    put_address(&request.ifr_addr, address);
    return ioctl(fd, operation, &request) < 0 ? -errno : 0;
}

static int set_mac(int fd, const uint8_t mac[PYRO_MAC_SIZE])
{
    struct ifreq request = request_for(card_name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac, PYRO_MAC_SIZE);
    return ioctl(fd, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}

static int add_default_route(int fd, uint32_t gateway)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = (char *)card_name};
    put_address(&route.rt_dst, INADDR_ANY);
    put_address(&route.rt_genmask, INADDR_ANY);
    put_address(&route.rt_gateway, gateway);
    return ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST ? -errno : 0;
}

int pyro_network_up(const char *interface)
{
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : set_flag(fd, interface, IFF_UP, true);
}

/* Address, mask and default route. Replacing the address drops the routes that belonged to it. */
static int set_addresses(int fd, const struct card *wanted)
{
    unsigned prefix = wanted->prefix_length;
    int r = set_address(fd, SIOCSIFADDR, wanted->address);
    if (r == 0)
        r = set_address(fd, SIOCSIFNETMASK, prefix ? UINT32_MAX << (32 - prefix) : 0);
    if (r == 0)
        r = set_flag(fd, card_name, IFF_UP, true);
    if (r == 0 && wanted->gateway)
        r = add_default_route(fd, wanted->gateway);
    return r;
}

static int configure(int fd, const struct card *wanted)
{
    /* Down first: that also drops the routes and neighbours of an earlier life. */
    int r = set_flag(fd, card_name, IFF_UP, false);
    if (r == 0)
        r = set_mac(fd, wanted->mac);
    return r < 0 ? r : set_addresses(fd, wanted);
}

/* The card stays up: taking it down and up again is some 4000 blocks of kernel code. Its driver
 * changes the MAC of a card that is up, and the kernel forgets its neighbours by that. */
static int adapt(int fd, const struct card *wanted)
{
    bool same_address = wanted->address == in_force.address &&
                        wanted->gateway == in_force.gateway &&
                        wanted->prefix_length == in_force.prefix_length;
    int r = set_mac(fd, wanted->mac);
    return r < 0 || same_address ? r : set_addresses(fd, wanted);
}

void pyro_network_seal(void)
{
    if (is_configured)
        is_sealed = configure(control, &in_force) == 0;
}

/* The host drops every frame of IPv6 (docs/SECURITY.md). Without it the card is usable at once, and
 * the kernel does not ask for routers again and again, in every copy of a template too. */
static void disable_ipv6(void)
{
    cleanup_close int fd = open("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        pyro_fd_write_all(fd, "1", 1);
}

int pyro_network_configure(const struct pyro_setup *setup)
{
    struct card wanted = {.address = setup->address,
                          .gateway = setup->gateway,
                          .prefix_length = setup->prefix_length};
    memcpy(wanted.mac, setup->mac, sizeof(wanted.mac));
    if (control < 0) {
        disable_ipv6();
        control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    if (control < 0)
        return -errno;
    int r = is_sealed ? adapt(control, &wanted) : -EAGAIN;
    is_sealed = false;
    if (r < 0)
        r = configure(control, &wanted);
    is_configured = r == 0;
    in_force = wanted;
    return r;
}
