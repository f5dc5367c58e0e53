/* Services and shells: commands of a workspace that belong to no client. What is known of one lies
 * in a directory of the bundle (session_record.h), also after its end; a `struct session` is there
 * while it runs. Private to pyro-supervisor.
 *
 *   session.c   what both have in common: record, end, who waits for what
 *   service.c   services: readiness, stopping
 *   shell.c     shells: a terminal, its input
 *   request.c   what clients ask of them
 */
#ifndef PYRO_SUPERVISOR_SESSION_H
#define PYRO_SUPERVISOR_SESSION_H

#include <jansson.h>

#include "supervisor/log.h"
#include "supervisor/session_record.h"
#include "supervisor/supervisor.h"

enum {
    SESSIONS_MAX = 192, /* the agent takes 256 commands, some are to be left for others */
    WAITERS_MAX = 1024,
    ABORT_GRACE_MS = 2000,
    SESSION_START_MS = 120 * 1000,  /* for the guest to say that it was started */
    SHELL_INPUT_MAX = ATTACHED_MAX, /* that its programs do not read yet */
    SESSION_WORDS_SIZE = 512,       /* for the longest answer of a probe, and then some */
};

#define SESSION_UNSTARTED "the guest did not start it within 2 minutes"

struct ask;

/* What the answer to a request waits for. Everything ends with the session. */
enum wait_kind { WAIT_START, WAIT_END, WAIT_OUTPUT };

/* Whether one is to end, and who wanted that. */
enum session_ending {
    SESSION_GOES_ON,
    SESSION_FAILS, /* it is not ready and will not be */
    SESSION_STOPS, /* somebody asked for it */
};

struct waiter {
    struct session *session;
    struct client *client;
    uint32_t stream;
    enum wait_kind kind;
    struct pyro_timer timer; /* of WAIT_OUTPUT: answered then all the same */
    struct waiter *next;
};

struct session {
    struct supervisor *supervisor;
    enum pyro_session_kind kind;
    char name[PYRO_SESSION_NAME_SIZE];
    int directory;                  /* the session's own */
    json_t *record;                 /* as it was written down last */
    struct command *command;        /* NULL: it is over */
    struct pyro_log_writer logs[2]; /* stdout and stderr; a shell has the first only */
    struct waiter *waiters;
    struct pyro_timer grace; /* runs after it was asked to end */
    bool is_again;           /* there was one of that name before */
    enum session_ending ending;
    char why[SESSION_WORDS_SIZE]; /* it is to end */

    const char *refused; /* the parameter for which it could not be started, or NULL */

    struct command *probe;         /* of a service that is not ready yet */
    char said[SESSION_WORDS_SIZE]; /* by it, or by the agent about a shell it cannot start */

    struct pyro_timer beginning; /* runs until it was started; a shell: until it shows its first */
    struct pyro_buffer input;    /* of a shell: what the guest has no room for yet */
    struct session *next;
};

/* session.c */
/* What still runs in the books of an earlier life is over. */
void sessions_sweep(struct supervisor *supervisor);
/* NULL when none of that name runs. */
struct session *session_find(struct supervisor *supervisor, enum pyro_session_kind kind,
                             const char *name);
/* A new one with its directory; logs and command are the caller's. `record` is taken over. NULL and
 * an error. */
struct session *session_create(struct supervisor *supervisor, enum pyro_session_kind kind,
                               const char *name, json_t *record, struct pyro_error *error);
/* One that never began goes. Who waits for its beginning has heard why, others are answered. */
void session_discard(struct session *session);
/* Sets a member of the record, whose reference is taken over. */
void session_set(struct session *session, const char *key, json_t *value);
/* 0 or a negative errno. */
int session_write(struct session *session);
/* The request is answered when that happens. NULL and an error when too many wait. */
struct waiter *session_wait(struct session *session, const struct ask *ask, enum wait_kind kind,
                            struct pyro_error *error);
/* With the record, or with `error` if that is not NULL. */
void session_answer(struct session *session, enum wait_kind kind, const struct pyro_error *error);
/* What the guest says of it, one line at most, made harmless for whoever shows it. */
void session_note(struct session *session, const uint8_t *bytes, uint32_t size);
/* All of that, without the agent's name before it. */
const char *session_said(const struct session *session);
/* Whether the guest said so. */
bool session_was_started(const struct session *session);
/* The parameter for which the guest could not start it, or NULL. */
const char *session_refused_field(const struct session *session, const struct pyro_exited *exited);
/* The grace begins that ends with KILL. The second time it may only become shorter. `why` as in the
 * record. */
void session_begin_grace(struct session *session, enum session_ending ending, uint32_t grace_ms,
                         const char *why);
/* All of it is over. `state` and what else is known of its end is in the record. */
void session_conclude(struct session *session);
/* All of them, each in the time it is given: the guest is about to go. `why` as in the record. */
void sessions_end(struct supervisor *supervisor, uint32_t grace_ms, const char *why);
void sessions_client_gone(struct client *client);

/* What is asked of a service or shell: 0, or -1 and an error that is the answer. */
struct ask {
    struct client *client;
    uint32_t stream;
    const json_t *request;
    const char *name;
    struct session *session; /* that runs under that name, or NULL */
};

int service_start(const struct ask *ask, struct pyro_error *error);
int shell_open(const struct ask *ask, struct pyro_error *error);
int shell_write(const struct ask *ask, struct pyro_error *error);
int shell_signal(const struct ask *ask, struct pyro_error *error);
int shell_resize(const struct ask *ask, struct pyro_error *error);
/* session.c: of both. */
int session_stop(const struct ask *ask, struct pyro_error *error);
int session_watch(const struct ask *ask, struct pyro_error *error);

/* How each of them is made to end. */
void service_terminate(struct session *session, enum session_ending ending, uint32_t grace_ms,
                       const char *why);
void shell_hang_up(struct session *session);
/* The queue to the guest has room again. */
void shells_send_input(struct supervisor *supervisor);

/* request.c */
/* 0, or a negative errno: the client must go. */
int request_attach(struct client *client, const struct pyro_frame *frame);
int request_take(struct client *client, const struct pyro_frame *frame);
/* Sends an answer; `answer` is taken over. */
void request_answer(struct client *client, uint32_t stream, json_t *answer);
void request_answer_error(struct client *client, uint32_t stream, const struct pyro_error *error);
/* What the client attached, as a command to be run; follow with pyro_exec_finish(). */
int request_exec(const struct client *client, struct pyro_exec *ret_exec, struct pyro_error *error);

#endif
