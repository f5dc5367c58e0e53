/* The channel to a guest's tree through its supervisor. */
#ifndef PYRO_WORKSPACE_CALL_H
#define PYRO_WORKSPACE_CALL_H

#include <pyro/pyro.h>

#include "supervisor/client.h"
#include "workspace/channel.h"

struct pyro_guest_channel {
    struct pyro_tree_channel channel; /* for whoever makes calls */
    struct pyro_client *client;
    const struct pyro_observer *caller; /* its cancel_fd ends a call; may be NULL */
};

/* Both must stay where they are as long as the channel is used. */
void pyro_guest_channel_init(struct pyro_guest_channel *guest, struct pyro_client *client,
                             const struct pyro_observer *caller);

#endif
