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

enum { PROBE_EXTRA_MS = 10 * 1000 }; /* for a probe that does not keep its own time limit */

static bool is_ready(const struct session *session)
{
    return json_is_real(json_object_get(session->record, "ready_at"));
}

/* The process tree goes, in the time it is given; the end itself comes from the guest. */
static void ask(struct session *session, uint32_t grace_ms, const char *why)
{
    if (session->probe)
        command_kill(session->probe);
    if (session->command && !session->is_asked) {
        session_ask(session, grace_ms, why);
        command_signal(session->command, SIGTERM);
    }
}

void service_abort(struct session *session, const char *why)
{
    if (!is_ready(session))
        ask(session, ABORT_GRACE_MS, why);
}

static void become_ready(struct session *session)
{
    session_set(session, "state", json_string("running"));
    session_set(session, "ready_at", json_real(pyro_wall_seconds()));
    session_write(session);
    session_answer(session, WAIT_START);
}

static void end_if_over(struct session *session)
{
    if (!session->command && !session->probe)
        session_end(session);
}

/* What is in the record of its end: it failed unless it was ready or somebody stopped it. */
static void note_end(struct session *session, const char *how)
{
    const char *state = session->is_stopped ? "stopped" : is_ready(session) ? "exited" : "failed";
    char reason[512];
    if (session->is_asked)
        snprintf(reason, sizeof(reason), "%s", session->why);
    else
        snprintf(reason, sizeof(reason), "%s: %s",
                 is_ready(session) ? "it ended by itself" : "it ended before it was ready", how);
    session_set(session, "state", json_string(state));
    session_set(session, "stop_reason", json_string(reason));
}

static void ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    char how[256];
    session->command = NULL;
    if (exited) {
        session_describe_exit(exited, how, sizeof(how));
        session_set(session, "exit_code", json_integer(pyro_exited_status(exited)));
        note_end(session, how);
    } else {
        pyro_session_lose(session->record, "its guest ended first", 0);
    }
    if (session->probe && exited)
        command_kill(session->probe);
    end_if_over(session);
}

static void started(void *userdata, uint32_t pid)
{
    struct session *session = userdata;
    session_set(session, "pid", json_integer(pid));
    if (session->probe)
        session_write(session);
    else
        become_ready(session);
}

static void output(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    struct session *session = userdata;
    pyro_log_write(&session->logs[channel == PYRO_CHANNEL_STDERR], bytes, size);
    session_answer(session, WAIT_OUTPUT);
}

/* The last look's answer, which the guest words: made harmless for whoever shows it. */
static void probe_output(void *userdata, enum pyro_channel channel, const uint8_t *bytes,
                         uint32_t size)
{
    struct session *session = userdata;
    size_t used = strlen(session->said);
    (void)channel;
    for (uint32_t i = 0; i < size && used < sizeof(session->said) - 1 && bytes[i] != '\n'; i++)
        session->said[used++] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '?';
    session->said[used] = '\0';
}

static void probe_ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    bool good = exited && pyro_exited_status(exited) == 0;
    session->probe = NULL;
    if (session->command && !session->is_asked) {
        if (good)
            become_ready(session);
        else if (exited)
            ask(session, ABORT_GRACE_MS,
                exited->timed_out || !*session->said ? "not ready in time: its probe got no answer"
                                                     : session->said);
    }
    end_if_over(session);
}

static const struct command_owner owner = {.started = started, .output = output, .ended = ended};
static const struct command_owner probe_owner = {.output = probe_output, .ended = probe_ended};

static int start_probe(struct session *session, const json_t *request, const struct pyro_exec *exec)
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
    return command_start(session->supervisor, &asked, &probe_owner, session, &session->probe);
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

/* Whatever fails leaves nothing behind. */
static int launch(struct session *session, const json_t *request, struct pyro_exec *exec)
{
    int r = open_logs(session);
    exec->flags = PYRO_EXEC_WHOLE;
    exec->timeout_ms = 0;
    if (r == 0)
        r = command_start(session->supervisor, exec, &owner, session, &session->command);
    if (r == 0)
        r = start_probe(session, request, exec);
    return r;
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
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the service %s is %s already (pid %" PRId64 ")",
                   session->name, pyro_json_text(session->record, "state", "running"),
                   pyro_json_integer(session->record, "pid", 0));
    pyro_error_field(error, "service_name");
    return pyro_error_hint(error, "stop it first, or give the new one another name");
}

static int start(struct client *client, uint32_t stream, const json_t *request,
                 struct pyro_exec *exec, struct pyro_error *error)
{
    const char *name = pyro_json_text(request, "name", "");
    struct session *session = session_find(client->supervisor, PYRO_SESSION_SERVICE, name);
    if (session)
        return refuse_running(session, error);
    json_t *record = new_record(request);
    if (!record)
        return pyro_error_no_memory(error);
    session = session_create(client->supervisor, PYRO_SESSION_SERVICE, name, record, error);
    if (!session)
        return -1;
    int r = session_wait(session, client, stream, WAIT_START) ? 0 : -EAGAIN;
    if (r == 0)
        r = launch(session, request, exec);
    if (r == 0)
        return 0;
    pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot start the service %s", name);
    if (!session->command) {
        session_discard(session);
        return -1;
    }
    /* It runs, its probe could not be started: it goes, and the answer comes when it has gone. */
    ask(session, 0, error->message);
    return 0;
}

int service_start(struct client *client, uint32_t stream, const json_t *request,
                  struct pyro_error *error)
{
    struct pyro_exec exec;
    if (request_exec(client, &exec, error) < 0)
        return -1;
    int r = start(client, stream, request, &exec, error);
    pyro_exec_finish(&exec);
    return r;
}

/* One that does not run is told apart by the client, who reads its record. */
int service_stop(struct client *client, uint32_t stream, const json_t *request,
                 struct pyro_error *error)
{
    struct session *session =
        session_find(client->supervisor, PYRO_SESSION_SERVICE, pyro_json_text(request, "name", ""));
    if (!session) {
        request_answer(client, stream, json_pack("{s:b}", "was_running", 0));
        return 0;
    }
    if (!session_wait(session, client, stream, WAIT_END))
        return pyro_error_no_memory(error);
    session->is_stopped |= !session->is_asked;
    ask(session, (uint32_t)pyro_json_integer(request, "grace_ms", 10000), "stopped by request");
    return 0;
}
