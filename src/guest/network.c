/* By ioctl rather than netlink: an interface has one address here, and these calls replace it,
 * where netlink would add a second one that has to be looked for and deleted after a restore. */
#include "guest/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/macros.h"

static const char card[] = "eth0";

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
    struct ifreq request = request_for(card);
    put_address(&request.ifr_addr, address);
    return ioctl(fd, operation, &request) < 0 ? -errno : 0;
}

static int set_mac(int fd, const uint8_t mac[PYRO_MAC_SIZE])
{
    struct ifreq request = request_for(card);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac, PYRO_MAC_SIZE);
    return ioctl(fd, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}

static int add_default_route(int fd, uint32_t gateway)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = (char *)card};
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

void pyro_network_down(void)
{
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        set_flag(fd, card, IFF_UP, false);
}

int pyro_network_configure(const struct pyro_setup *setup)
{
    uint32_t mask = setup->prefix_length ? UINT32_MAX << (32 - setup->prefix_length) : 0;
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Down first: that also drops the routes and neighbours of an earlier life. */
    int r = set_flag(fd, card, IFF_UP, false);
    if (r == 0)
        r = set_mac(fd, setup->mac);
    if (r == 0)
        r = set_address(fd, SIOCSIFADDR, setup->address);
    if (r == 0)
        r = set_address(fd, SIOCSIFNETMASK, mask);
    if (r == 0)
        r = set_flag(fd, card, IFF_UP, true);
    if (r == 0 && setup->gateway)
        r = add_default_route(fd, setup->gateway);
    return r;
}
