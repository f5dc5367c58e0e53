/* The library's side of a supervisor: starting one, talking to it, waiting for its end. A client is
 * used by one thread; every wait ends when the observer's cancel_fd says so. */
#ifndef PYRO_SUPERVISOR_CLIENT_H
#define PYRO_SUPERVISOR_CLIENT_H

#include <jansson.h>
#include <pyro/pyro.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/home.h"
#include "wire/message.h"

struct pyro_client;

/* What a VM holds for as long as it lives: descriptors, shared with its supervisor. */
struct pyro_holds {
    int bundle, environment;   /* locks */
    int template_;             /* lock, with `template_path` */
    const char *template_path; /* directory to restore a guest from that was never started; NULL: it
                                  boots */
};

/* Starts the supervisor of a bundle that is locked by the caller, who closes its own descriptors.
 * PYRO_ERROR_MISSING_PROGRAM, PYRO_ERROR_SYSTEM. */
int pyro_client_spawn(const struct pyro_home *home, const char *vm_id,
                      const struct pyro_holds *holds, struct pyro_client **ret_client,
                      struct pyro_error *error);

/* Connects to a running supervisor. PYRO_ERROR_WRONG_STATE when none runs. */
int pyro_client_connect(const struct pyro_home *home, const char *vm_id,
                        struct pyro_client **ret_client, struct pyro_error *error);

/* Whether a connection will do for one more request to that VM: nothing is underway over it, and
 * the supervisor is still there and its guest runs. What was heard before counts no longer. */
bool pyro_client_reuse(struct pyro_client *client, const char *vm_id);

/* Whether the supervisor has said anything. One that was dying when it was connected to never does,
 * nor does one that had let a kept connection go: nothing that was sent to it has been done, and
 * waiting for it ends with PYRO_ERROR_WRONG_STATE.
 */
bool pyro_client_was_heard(const struct pyro_client *client);

/* Waits until the guest runs. PYRO_ERROR_BOOT_FAILED and whatever else the supervisor reports,
 * PYRO_ERROR_CANCELLED, PYRO_ERROR_SUPERVISOR_DIED. */
int pyro_client_wait_running(struct pyro_client *client, const struct pyro_observer *observer,
                             struct pyro_error *error);

/* boot_ms and its parts as JSON text once the guest runs, "" before. Good as long as the client. */
const char *pyro_client_boot_json(const struct pyro_client *client);

/* Runs one command and waits for its end. Output goes to observer->output as it comes; stdin is
 * read from observer->stdin_fd. `exec->flags` is set here. May be called before the guest runs.
 * PYRO_ERROR_CANCELLED: the command and all it started were killed, or die with the VM. */
int pyro_client_exec(struct pyro_client *client, struct pyro_exec *exec,
                     const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                     struct pyro_error *error);

/* What a command reads that is no descriptor: the library's own. */
struct pyro_client_input {
    void *userdata;
    /* Puts at most `most` bytes into `bytes`: how many, 0 at the end, -EAGAIN: ask again when
     * something has come, -1: the call is given up. Called only when the guest has room for them.
     */
    long (*read)(void *userdata, uint8_t *bytes, size_t most);
};

/* pyro_client_exec() with `input` in the place of observer->stdin_fd; NULL: no input. An observer
 * whose output or input callback gives up gets PYRO_ERROR_CANCELLED, like one who cancels. */
int pyro_client_exec_from(struct pyro_client *client, struct pyro_exec *exec,
                          const struct pyro_client_input *input,
                          const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                          struct pyro_error *error);

/* The number under which a workspace wrote down the last command, 0: it did not. */
uint32_t pyro_client_sequence(const struct pyro_client *client);

/* Asks the supervisor about a service or shell (docs/PROTOCOL.md, "Requests"); the answer waits for
 * its guest to run. `attached` goes with it, `size` may be 0. `ret_answer` is a new reference. An
 * error that the supervisor answers is the caller's; PYRO_ERROR_CANCELLED: nothing is known of what
 * became of it.
 */
int pyro_client_request(struct pyro_client *client, const json_t *request, const void *attached,
                        size_t size, const struct pyro_observer *observer, json_t **ret_answer,
                        struct pyro_error *error);

/* The same with a command attached. */
int pyro_client_request_exec(struct pyro_client *client, const json_t *request,
                             const struct pyro_exec *exec, const struct pyro_observer *observer,
                             json_t **ret_answer, struct pyro_error *error);

/* Whether the guest ran when it was last heard of: what the supervisor has said since is read. */
bool pyro_client_is_running(struct pyro_client *client);

/* A VM that was started in advance is put to use: its time is that long from now on. Told to the
 * supervisor with whatever comes next. 0 or a negative errno. */
int pyro_client_claim(struct pyro_client *client, uint32_t ttl_seconds);

/* A workspace that is being made is complete: it outlives this client. `seed_json` says how it was
 * seeded. */
int pyro_client_keep(struct pyro_client *client, const char *seed_json,
                     const struct pyro_observer *observer, struct pyro_error *error);

/* Freezes a guest that runs and was made to be frozen (freeze_into): it ends, and what is in that
 * directory is all of it. */
int pyro_client_freeze(struct pyro_client *client, const struct pyro_observer *observer,
                       struct pyro_error *error);

/* Ends the VM and waits until nothing of it runs. For a one-shot VM nothing is left on disk either.
 * False when the supervisor did not end in time (it is then killed) or had died before: the caller
 * cleans up. Also false when `observer` (may be NULL) cancelled: it goes on ending by itself. */
bool pyro_client_stop(struct pyro_client *client, enum pyro_stop_kind kind,
                      const struct pyro_observer *observer);

/* Closes the connection. A one-shot VM ends then. NULL is fine. */
void pyro_client_destroy(struct pyro_client *client);

#endif
