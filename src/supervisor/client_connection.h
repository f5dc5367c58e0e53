/* What client.c and client_exec.c share: the connection's state. Private to the two. */
#ifndef PYRO_SUPERVISOR_CLIENT_CONNECTION_H
#define PYRO_SUPERVISOR_CLIENT_CONNECTION_H

#include "base/buffer.h"
#include "store/store.h"
#include "supervisor/client.h"

struct pyro_client {
    int fd;
    const struct pyro_home *home;
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_buffer in, out;
    bool running, stopped, frozen, kept;
    bool failed; /* a FAILURE came, it is in `failure` */
    struct pyro_failure failure;
    char boot_json[sizeof(((struct pyro_state *)0)->boot_json)];
    uint32_t last_stream;
    uint32_t sequence;    /* of the last command, as a workspace wrote it down */
    uint64_t progress_ms; /* when progress was reported last, or the wait began */
};

/* What one command needs while it is waited for; client_exec.c knows. */
struct exec_wait;

/* Reads what is there. 0, or a negative errno when the supervisor is gone. `wait` may be NULL. */
int pyro_client_receive(struct pyro_client *client, struct exec_wait *wait);

#endif
