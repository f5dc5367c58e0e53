/* What the service_* and shell_* handlers share: finding one, its record as a result, asking its
 * workspace's supervisor. */
#ifndef PYRO_OPERATION_SESSION_SUPPORT_H
#define PYRO_OPERATION_SESSION_SUPPORT_H

#include "operation/operation.h"
#include "supervisor/client.h"
#include "supervisor/session_record.h"
#include "wire/message.h"

/* services.c */
PYRO_HANDLER(service_start);
PYRO_HANDLER(service_list);
PYRO_HANDLER(service_status);
PYRO_HANDLER(service_stop);
PYRO_HANDLER(service_logs); /* service_logs.c */
/* shells.c */
PYRO_HANDLER(shell_open);
PYRO_HANDLER(shell_write);
PYRO_HANDLER(shell_signal);
PYRO_HANDLER(shell_resize);
PYRO_HANDLER(shell_close);
PYRO_HANDLER(shell_read); /* shell_read.c */

/* One that is or was. */
struct pyro_session {
    enum pyro_session_kind kind;
    char vm_id[PYRO_VM_ID_SIZE];
    const char *workspace_id, *name; /* of the parameters */
    int directory;
    json_t *record; /* as it is now: also of one whose guest could not write down its end */
};

/* The one that `workspace_id` and `service_name` or `shell_id` of the parameters stand for.
 * PYRO_ERROR_UNKNOWN_WORKSPACE, PYRO_ERROR_UNKNOWN_SERVICE, PYRO_ERROR_UNKNOWN_SHELL. Follow with
 * pyro_session_finish(), on failure too. */
int pyro_session_find(struct pyro_context *context, const json_t *parameters,
                      enum pyro_session_kind kind, struct pyro_session *ret_session,
                      struct pyro_error *error);
void pyro_session_finish(struct pyro_session *session);

/* Reads its record again. */
int pyro_session_refresh(const struct pyro_context *context, struct pyro_session *session,
                         struct pyro_error *error);

/* What goes with a request to the supervisor; at most one of them. */
struct pyro_attached {
    const struct pyro_exec *exec;
    const struct pyro_buffer *bytes;
};

/* Asks the supervisor of the workspace that the parameters name (docs/PROTOCOL.md, "Requests").
 * `request` is taken over, `attached` may be NULL. */
int pyro_session_ask(struct pyro_context *context, const json_t *parameters, json_t *request,
                     const struct pyro_attached *attached, const struct pyro_observer *observer,
                     json_t **ret_answer, struct pyro_error *error);

/* The result of an operation on one: its record as the contract has it, and the members of `more`,
 * which is taken over and may be NULL. */
int pyro_session_result(enum pyro_session_kind kind, const json_t *parameters, const json_t *record,
                        json_t *more, json_t **ret_result, struct pyro_error *error);

/* All of a workspace's, as records of the contract. `is_live`: its guest runs. A new array, NULL
 * when out of memory. */
json_t *pyro_sessions_to_json(const struct pyro_context *context, const char *vm_id,
                              const char *workspace_id, enum pyro_session_kind kind, bool is_live);
/* How many of those records are of one that runs. */
int pyro_sessions_count_running(const json_t *records);

/* An absolute directory of the guest: relative ones are below /workspace. To be freed; NULL when
 * out of memory. */
char *pyro_guest_directory(const char *path);

/* session_ask.c: waiting for something new of a session: its workspace's supervisor tells. */
struct pyro_session_watch {
    struct pyro_context *context;
    struct pyro_session *session; /* its record is renewed when it has ended */
    const struct pyro_observer *observer;
    struct pyro_client *client; /* NULL: not connected */
    uint64_t known[2];          /* where its logs end, as was told just now; 0: it was not */
};

/* Waits until one of its logs is longer than the caller knows, it has ended, or `timeout_ms` are
 * over. `positions` are the ends of its logs: stdout and stderr of a service, the one of a shell.
 * 0, or PYRO_ERROR_CANCELLED. A start with the first three members; follow with
 * pyro_session_unwatch(). */
int pyro_session_watch(struct pyro_session_watch *watch, const uint64_t *positions,
                       uint64_t timeout_ms, struct pyro_error *error);
void pyro_session_unwatch(struct pyro_session_watch *watch);

#endif
