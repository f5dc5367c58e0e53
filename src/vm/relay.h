/* Carries Ethernet frames between QEMU's NIC and passt, each behind its length in four bytes,
 * network order. What comes from the guest is cut into frames and filtered; both ways are bounded
 * and push back. */
#ifndef PYRO_VM_RELAY_H
#define PYRO_VM_RELAY_H

#include "base/buffer.h"
#include "base/loop.h"

enum {
    PYRO_RELAY_FRAME_CAP = 65536 + 14, /* the largest IP packet and its Ethernet header */
    PYRO_RELAY_BUFFER_CAP = 256 << 10,
};

struct pyro_relay {
    struct pyro_source nic, passt;
    struct pyro_buffer from_nic; /* as it came */
    struct pyro_buffer to_passt; /* whole frames that may leave */
    struct pyro_buffer to_nic;
    void (*ended)(void *userdata, const char *reason);
    void *userdata;
};

/* Both descriptors are non-blocking stream sockets and stay the caller's. `ended` is called once,
 * when passt closes its side or QEMU breaks the framing. A side that QEMU closes is only forgotten:
 * why it ended is told by who watches QEMU.
 * 0 or -errno. */
int pyro_relay_start(struct pyro_relay *relay, struct pyro_loop *loop, int nic_fd, int passt_fd,
                     void (*ended)(void *userdata, const char *reason), void *userdata);
void pyro_relay_stop(struct pyro_relay *relay);

/* Moves whole frames that pyro_network_allows() from `from` to `to` and drops the others, as far as
 * there is room. 0, -EPROTO for a length that no frame has, -ENOMEM. Pure, for tests and fuzzing.
 */
int pyro_relay_filter(struct pyro_buffer *from, struct pyro_buffer *to);

#endif
