/* What client.c, client_exec.c and client_request.c share: the connection's state. */
#ifndef PYRO_SUPERVISOR_CLIENT_CONNECTION_H
#define PYRO_SUPERVISOR_CLIENT_CONNECTION_H

#include <jansson.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "store/store.h"
#include "supervisor/client.h"

struct pyro_client {
    int fd;
    pid_t made_by; /* a fork has a copy that is not its own */
    const struct pyro_home *home;
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_buffer in, out;
    size_t read_most; /* at a time; grows, for most answers are short */
    bool heard;       /* the supervisor said something: it let this client in */
    bool running, stopped, frozen, kept;
    bool failed; /* a FAILURE came, it is in `failure` */
    struct pyro_failure failure;
    char boot_json[sizeof(((struct pyro_state *)0)->boot_json)];
    uint32_t last_stream;
    uint32_t sequence;    /* of the last command, as a workspace wrote it down */
    uint32_t asked;       /* the request that is waited for, 0: none */
    json_t *answer;       /* to it; NULL: it has not come */
    uint64_t progress_ms; /* when progress was reported last, or the wait began */
};

/* What one command needs while it is waited for; client_exec.c knows. */
struct exec_wait;

/* Reads what is there. 0, or a negative errno when the supervisor is gone. `wait` may be NULL. */
int pyro_client_receive(struct pyro_client *client, struct exec_wait *wait);

/* One turn: waits for the supervisor, stdin or cancellation, and handles what is ready. 1:
 * cancelled; 0: go on; a negative errno: the supervisor is gone. `wait` may be NULL. */
int pyro_client_turn(struct pyro_client *client, const struct pyro_observer *observer,
                     struct exec_wait *wait);
/* Turns the end of a turn into an error. Returns -1. */
int pyro_client_explain(const struct pyro_client *client, int turned, struct pyro_error *error);
/* Says that no supervisor is there. Returns -1. */
int pyro_client_fail_not_running(const char *vm_id, struct pyro_error *error);
/* The same for what pyro_exec_pack() returned; 0 when that is no error. */
int pyro_client_explain_exec(int r, struct pyro_error *error);

#endif
