/* Services. The supervisor, not the client, sees to it that one becomes ready or goes: the process
 * and its probe are sent to the guest together, and whichever ends first decides. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "supervisor/command.h"
#include "supervisor/session.h"

enum { PROBE_EXTRA_MS = 60 * 1000 }; /* for one that starts late, or does not keep its time */

static bool is_ready(const struct session *session)
{
    return json_is_real(json_object_get(session->record, "ready_at"));
}

/* The process tree goes, in the time it is given; the end itself comes from the guest. */
void service_terminate(struct session *session, enum session_ending ending, uint32_t grace_ms,
                       const char *why)
{
    bool is_first = session->ending == SESSION_GOES_ON;
    if (session->probe)
        command_kill(session->probe);
    session_begin_grace(session, ending, grace_ms, why);
    if (session->command && is_first)
        command_signal(session->command, SIGTERM);
}

static void become_ready(struct session *session)
{
    session_set(session, "state", json_string("running"));
    session_set(session, "ready_at", json_real(pyro_wall_seconds()));
    session_write(session);
    session_answer(session, WAIT_START, NULL);
}

static void end_if_over(struct session *session)
{
    if (!session->command && !session->probe)
        session_conclude(session);
}

static void describe_exit(const struct pyro_exited *exited, char *text, size_t size)
{
    const char *name = exited->kind == PYRO_EXIT_SIGNAL ? sigabbrev_np((int)exited->value) : NULL;
    if (exited->kind == PYRO_EXIT_SIGNAL)
        snprintf(text, size, "signal %u (SIG%s)", exited->value, name ? name : "?");
    else if (exited->kind == PYRO_EXIT_UNSTARTED)
        snprintf(text, size, "it could not be started: %s", strerror((int)exited->value));
    else
        snprintf(text, size, "exit status %u", exited->value);
}

/* What is in the record of its end: it failed unless it was ready or somebody stopped it. */
static void note_end(struct session *session, const struct pyro_exited *exited)
{
    bool was_ready = is_ready(session);
    const char *state = session->ending == SESSION_STOPS ? "stopped"
                        : was_ready                      ? "exited"
                                                         : "failed";
    char how[256], reason[SESSION_WORDS_SIZE + 64];
    describe_exit(exited, how, sizeof(how));
    session->refused = session_refused_field(session, exited);
    if (exited->kind == PYRO_EXIT_UNSTARTED && *session->said)
        snprintf(reason, sizeof(reason), "it could not be started: %s", session_said(session));
    else
        snprintf(reason, sizeof(reason), "%s: %s",
                 was_ready ? "it ended by itself" : "it ended before it was ready", how);
    session_set(session, "exit_code", json_integer(pyro_exited_status(exited)));
    session_set(session, "state", json_string(state));
    session_set(session, "stop_reason",
                json_string(session->ending == SESSION_GOES_ON ? reason : session->why));
}

static void ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    session->command = NULL;
    if (exited)
        note_end(session, exited);
    else
        pyro_session_lose(session->record);
    if (session->probe && exited)
        command_kill(session->probe);
    end_if_over(session);
}

static void started(void *userdata, uint32_t pid)
{
    struct session *session = userdata;
    session_set(session, "pid", json_integer(pid));
    pyro_timer_stop(&session->beginning);
    if (session->probe || session->ending != SESSION_GOES_ON)
        session_write(session);
    else
        become_ready(session);
}

static bool output(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    struct session *session = userdata;
    if (channel == PYRO_CHANNEL_STDERR && !session_was_started(session))
        session_note(session, bytes, size);
    pyro_log_write(&session->logs[channel == PYRO_CHANNEL_STDERR], bytes, size);
    session_answer(session, WAIT_OUTPUT, NULL);
    return true;
}

/* A probe has a limit of its own. */
static void start_late(struct pyro_timer *timer)
{
    service_terminate(timer->userdata, SESSION_FAILS, ABORT_GRACE_MS, SESSION_UNSTARTED);
}

static void probe_started(void *userdata, uint32_t pid)
{
    (void)userdata;
    (void)pid;
}

/* The last look's answer. */
static bool probe_output(void *userdata, enum pyro_channel channel, const uint8_t *bytes,
                         uint32_t size)
{
    (void)channel;
    session_note(userdata, bytes, size);
    return true;
}

/* Neither has a stdin. */
static void writable(void *userdata, uint32_t bytes)
{
    (void)userdata;
    (void)bytes;
}

/* A probe that ends without a word is one that was ended, or did not start. */
static void fail(struct session *session, const struct pyro_exited *exited)
{
    char how[256], why[SESSION_WORDS_SIZE];
    describe_exit(exited, how, sizeof(how));
    snprintf(why, sizeof(why), "not ready: its probe saw nothing (%s)", how);
    service_terminate(session, SESSION_FAILS, ABORT_GRACE_MS, *session->said ? session->said : why);
}

static void probe_ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    bool decides = session->command && session->ending == SESSION_GOES_ON && exited;
    session->probe = NULL;
    if (decides && pyro_exited_status(exited) == 0)
        become_ready(session);
    else if (decides)
        fail(session, exited);
    end_if_over(session);
}

static const struct command_owner owner = {
    .started = started, .output = output, .writable = writable, .ended = ended};
static const struct command_owner probe_owner = {
    .started = probe_started, .output = probe_output, .writable = writable, .ended = probe_ended};

static int create_probe(struct session *session, const json_t *request,
                        const struct pyro_exec *exec)
{
    const json_t *probe = json_object_get(request, "probe");
    char interval[24], limit[24];
    int64_t limit_ms = pyro_json_integer(request, "limit_ms", 30000);
    if (!json_is_object(probe))
        return 0;
    snprintf(interval, sizeof(interval), "%" PRId64,
             pyro_json_integer(request, "interval_ms", 500));
    snprintf(limit, sizeof(limit), "%" PRId64, limit_ms);
    char *words[] = {(char *)"probe",
                     (char *)pyro_json_text(probe, "type", ""),
                     (char *)pyro_json_text(probe, "target", ""),
                     interval,
                     limit,
                     NULL};
    const struct pyro_exec asked = {.flags = PYRO_EXEC_OWN | PYRO_EXEC_WHOLE,
                                    .timeout_ms = (uint32_t)limit_ms + PROBE_EXTRA_MS,
                                    .arguments = words,
                                    .environment = exec->environment,
                                    .directory = exec->directory};
    return command_create(session->supervisor, &asked, &probe_owner, session, &session->probe);
}

static int open_logs(struct session *session)
{
    static const char *const names[] = {"stdout", "stderr"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
        r = pyro_log_writer_init(&session->logs[i], session->directory, names[i], PYRO_LOG_BYTES,
                                 PYRO_SERVICE_LOG_KEEP);
    return r;
}

/* Both or nothing. */
static int launch(struct session *session, const json_t *request, struct pyro_exec *exec)
{
    int r = open_logs(session);
    exec->flags = PYRO_EXEC_WHOLE;
    exec->timeout_ms = 0;
    if (r == 0)
        r = command_create(session->supervisor, exec, &owner, session, &session->command);
    if (r == 0 && (r = create_probe(session, request, exec)) < 0)
        command_discard(session->command);
    if (r < 0)
        return r;
    if (!session->probe)
        pyro_timer_start(&session->supervisor->loop, &session->beginning, SESSION_START_MS,
                         start_late, session);
    command_send(session->command); /* and what waits behind it */
    return 0;
}

static json_t *new_record(const json_t *request)
{
    json_t *record = json_copy(json_object_get(request, "record"));
    cleanup_json json_t *fresh =
        json_pack("{s:s, s:n, s:n, s:n, s:n, s:n, s:n}", "state", "starting", "pid", "exit_code",
                  "started_at", "ready_at", "ended_at", "stop_reason");
    if (record && fresh && json_object_update(record, fresh) == 0)
        return record;
    json_decref(record);
    return NULL;
}

static int refuse_running(const struct session *session, struct pyro_error *error)
{
    char pid[32] = "";
    if (session_was_started(session))
        snprintf(pid, sizeof(pid), " (pid %" PRId64 ")",
                 pyro_json_integer(session->record, "pid", 0));
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the service %s is %s already%s", session->name,
                   pyro_json_text(session->record, "state", "running"), pid);
    pyro_error_field(error, "service_name");
    return pyro_error_hint(error, "stop it first, or give the new one another name");
}

static int start(const struct ask *ask, struct pyro_exec *exec, struct pyro_error *error)
{
    json_t *record = new_record(ask->request);
    if (!record)
        return pyro_error_no_memory(error);
    struct session *session =
        session_create(ask->client->supervisor, PYRO_SESSION_SERVICE, ask->name, record, error);
    if (!session)
        return -1;
    int r = session_wait(session, ask, WAIT_START, error) ? 0 : -1;
    if (r == 0 && (r = launch(session, ask->request, exec)) < 0)
        pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot start the service %s", ask->name);
    if (r < 0)
        session_discard(session);
    return r < 0 ? -1 : 0;
}

int service_start(const struct ask *ask, struct pyro_error *error)
{
    struct pyro_exec exec;
    if (ask->session)
        return refuse_running(ask->session, error);
    if (request_exec(ask->client, &exec, error) < 0)
        return -1;
    int r = start(ask, &exec, error);
    pyro_exec_finish(&exec);
    return r;
}
