/* The guest's way out: passt on one end, the NIC on the other, and a filter of ours between them
 * that drops every frame addressed to the host's loopback (see docs/SECURITY.md). */
#ifndef PYRO_VM_NETWORK_H
#define PYRO_VM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"

/* The network each guest sees; every guest is alone in its own. IPv4, host byte order. */
enum {
    PYRO_NETWORK = 0x0a6f0000,         /* 10.111.0.0 */
    PYRO_NETWORK_GATEWAY = 0x0a6f0001, /* 10.111.0.1 */
    PYRO_NETWORK_DNS = 0x0a6f0003,     /* 10.111.0.3, forwarded by passt to the host's resolver */
    PYRO_NETWORK_PREFIX = 24,
};

/* A guest's own address comes from its MAC, so that it is as fresh: 10.111.0.16 to .239. */
static inline uint32_t pyro_network_address(const uint8_t mac[6])
{
    return PYRO_NETWORK + 16 + mac[5] % 224;
}

struct pyro_network;

/* Starts passt (it dies with the calling thread) for a guest of that address and relays between it
 * and `nic_fd`, which is taken over. `ended` is called once if passt ends or either side
 * breaks the framing.
 * PYRO_ERROR_NETWORK_FAILED. */
int pyro_network_start(struct pyro_loop *loop, const char *passt_path, uint32_t address, int nic_fd,
                       void (*ended)(void *userdata, const char *reason), void *userdata,
                       struct pyro_network **ret_network, struct pyro_error *error);

/* Ends passt and waits for it. NULL is fine. */
void pyro_network_destroy(struct pyro_network *network);

/* The filter's rule for one Ethernet frame that the guest sent: true when it may go to passt.
 * Pure, for tests and fuzzing. */
bool pyro_network_allows(const uint8_t *frame, size_t size);

#endif
