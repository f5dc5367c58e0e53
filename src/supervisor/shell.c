/* Shells: a terminal in the guest that nobody need be attached to. What it shows is kept, what is
 * typed waits here until its programs read it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "supervisor/command.h"
#include "supervisor/session.h"

enum {
    KEEP_LEAST = 1024 * 1024,
    CLOSE_GRACE_MS = 3000,
    PROMPT_MS = 5000, /* for the first thing a shell shows */
};

/* Whoever opens a shell types into it next: before it shows its prompt, that would be shown twice,
 * by the terminal and by the shell. One that shows nothing is not waited for long. */
static void prompt_late(struct pyro_timer *timer)
{
    session_answer(timer->userdata, WAIT_START, NULL);
}

static void started(void *userdata, uint32_t pid)
{
    struct session *session = userdata;
    session_set(session, "pid", json_integer(pid));
    session_write(session);
    pyro_timer_start(&session->supervisor->loop, &session->beginning, PROMPT_MS, prompt_late,
                     session);
}

static void start_late(struct pyro_timer *timer)
{
    struct session *session = timer->userdata;
    snprintf(session->said, sizeof(session->said), "%s", SESSION_UNSTARTED);
    command_kill(session->command);
}

/* A shell has one stream; on the other one the agent says why there is none. */
static bool output(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    struct session *session = userdata;
    if (channel == PYRO_CHANNEL_STDERR) {
        session_note(session, bytes, size);
        return true;
    }
    pyro_log_write(&session->logs[0], bytes, size);
    session_answer(session, WAIT_OUTPUT, NULL);
    session_answer(session, WAIT_START, NULL);
    pyro_timer_stop(&session->beginning);
    return true;
}

static void send_input(struct session *session)
{
    struct pyro_buffer *input = &session->input;
    size_t sent = command_write(session->command, pyro_buffer_data(input), input->size);
    pyro_buffer_consume(input, sent);
}

void shells_send_input(struct supervisor *supervisor)
{
    for (struct session *session = supervisor->sessions; session; session = session->next) {
        if (session->input.size > 0 && session->command)
            send_input(session);
    }
}

static void writable(void *userdata, uint32_t bytes)
{
    (void)bytes;
    send_input(userdata);
}

static void fail_start(struct session *session, const struct pyro_exited *exited)
{
    struct pyro_error error;
    const char *said = session_said(session), *field = session_refused_field(session, exited);
    pyro_error_set(&error, PYRO_ERROR_INVALID_PARAMETER, "cannot open a shell: %s",
                   *said ? said : "it could not be started");
    if (field && strcmp(field, "cwd") == 0)
        pyro_error_field(&error, field);
    session_answer(session, WAIT_START, &error);
    session_discard(session);
}

/* As far as anybody has seen: a guest that says so of one that was in use takes back nothing. */
static bool has_begun(const struct session *session)
{
    return session_was_started(session) || session->logs[0].position > 0;
}

static void ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    session->command = NULL;
    if (exited && !has_begun(session)) {
        fail_start(session, exited);
        return;
    }
    session_set(session, "state", json_string("stopped"));
    if (exited)
        session_set(session, "exit_code", json_integer(pyro_exited_status(exited)));
    else
        pyro_session_lose(session->record);
    session_conclude(session);
}

static const struct command_owner owner = {
    .started = started, .output = output, .writable = writable, .ended = ended};

/* A number beyond all that were given. */
static int choose_name(const struct supervisor *supervisor, char name[PYRO_SESSION_NAME_SIZE],
                       struct pyro_error *error)
{
    cleanup_json json_t *names = pyro_session_list(supervisor->directory, PYRO_SESSION_SHELL);
    unsigned last = 0, number;
    size_t index;
    const json_t *given;
    if (!names)
        return pyro_error_no_memory(error);
    json_array_foreach(names, index, given)
    {
        if (sscanf(json_string_value(given), "sh-%9u", &number) == 1)
            last = MAX(last, number);
    }
    snprintf(name, PYRO_SESSION_NAME_SIZE, "sh-%u", last + 1);
    return 0;
}

static json_t *new_record(const json_t *request, const char *name, const struct pyro_exec *exec)
{
    return json_pack("{s:s, s:s, s:O?, s:I, s:I, s:n, s:n, s:n, s:n}", "shell_id", name, "state",
                     "running", "cwd", json_object_get(request, "cwd"), "cols",
                     (json_int_t)exec->terminal.columns, "rows", (json_int_t)exec->terminal.rows,
                     "started_at", "ended_at", "exit_code", "pid");
}

static int launch(struct session *session, const json_t *request, const struct pyro_exec *exec)
{
    int64_t keep = pyro_json_integer(request, "keep_bytes", KEEP_LEAST);
    int r = pyro_log_writer_init(&session->logs[0], session->directory, "output",
                                 PYRO_LOG_CHARACTERS, (uint64_t)MAX(keep, (int64_t)KEEP_LEAST));
    if (r == 0)
        r = command_create(session->supervisor, exec, &owner, session, &session->command);
    if (r < 0)
        return r;
    pyro_timer_start(&session->supervisor->loop, &session->beginning, SESSION_START_MS, start_late,
                     session);
    command_send(session->command);
    return 0;
}

static int start(const struct ask *ask, const struct pyro_exec *exec, struct pyro_error *error)
{
    char name[PYRO_SESSION_NAME_SIZE];
    struct supervisor *supervisor = ask->client->supervisor;
    if (choose_name(supervisor, name, error) < 0)
        return -1;
    json_t *record = new_record(ask->request, name, exec);
    if (!record)
        return pyro_error_no_memory(error);
    struct session *session = session_create(supervisor, PYRO_SESSION_SHELL, name, record, error);
    if (!session)
        return -1;
    int r = session_wait(session, ask, WAIT_START, error) ? 0 : -1;
    if (r == 0 && (r = launch(session, ask->request, exec)) < 0)
        pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot open a shell");
    if (r < 0)
        session_discard(session);
    return r < 0 ? -1 : 0;
}

int shell_open(const struct ask *ask, struct pyro_error *error)
{
    struct pyro_exec exec;
    if (request_exec(ask->client, &exec, error) < 0)
        return -1;
    int r = exec.flags & PYRO_EXEC_TERMINAL
                ? start(ask, &exec, error)
                : pyro_error_set(error, PYRO_ERROR_INTERNAL, "a shell needs a terminal");
    pyro_exec_finish(&exec);
    return r;
}

/* Whether it is open. Whether there ever was one the client knows. */
static int check_open(const struct ask *ask, struct pyro_error *error)
{
    if (ask->session && ask->session->ending == SESSION_GOES_ON)
        return 0;
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the shell %s is %s", ask->name,
                   ask->session ? "being closed" : "not open any more");
    pyro_error_field(error, "shell_id");
    return pyro_error_hint(error, "open another one; what this one showed can still be read");
}

static int acknowledge(const struct ask *ask)
{
    request_answer(ask->client, ask->stream, json_pack("{s:O}", "record", ask->session->record));
    return 0;
}

/* All of it or nothing. */
int shell_write(const struct ask *ask, struct pyro_error *error)
{
    struct session *session = ask->session;
    const struct pyro_buffer *attached = &ask->client->attached;
    if (check_open(ask, error) < 0)
        return -1;
    if (attached->size > pyro_buffer_room(&session->input)) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE,
                       "%s does not read its input: %zu bytes wait already, %zu more do not fit",
                       session->name, session->input.size, attached->size);
        pyro_error_field(error, "input");
        return pyro_error_hint(error, "see what it is doing (shell read), or interrupt it (shell "
                                      "signal)");
    }
    if (pyro_buffer_append(&session->input, pyro_buffer_data(attached), attached->size) < 0)
        return pyro_error_no_memory(error);
    send_input(session);
    return acknowledge(ask);
}

static int refuse(const struct ask *ask, const char *field, int r, struct pyro_error *error)
{
    pyro_error_set_errno(error, r == -EINVAL ? PYRO_ERROR_INVALID_PARAMETER : PYRO_ERROR_SYSTEM, r,
                         "the shell %s cannot be sent that", ask->name);
    return pyro_error_field(error, field);
}

int shell_signal(const struct ask *ask, struct pyro_error *error)
{
    if (check_open(ask, error) < 0)
        return -1;
    int64_t signal = pyro_json_integer(ask->request, "signal", 0);
    int r =
        signal > 0 && signal < NSIG ? command_signal(ask->session->command, (int)signal) : -EINVAL;
    return r < 0 ? refuse(ask, "signal_name", r, error) : acknowledge(ask);
}

int shell_resize(const struct ask *ask, struct pyro_error *error)
{
    struct session *session = ask->session;
    const struct pyro_terminal_size size = {
        .columns = (uint32_t)pyro_json_integer(ask->request, "cols", 0),
        .rows = (uint32_t)pyro_json_integer(ask->request, "rows", 0)};
    if (check_open(ask, error) < 0)
        return -1;
    int r = command_resize(session->command, &size);
    if (r < 0)
        return refuse(ask, "cols", r, error);
    session_set(session, "cols", json_integer(size.columns));
    session_set(session, "rows", json_integer(size.rows));
    session_write(session);
    return acknowledge(ask);
}

void shell_hang_up(struct session *session)
{
    if (session->ending != SESSION_GOES_ON)
        return;
    session_begin_grace(session, SESSION_STOPS, CLOSE_GRACE_MS, "closed");
    pyro_buffer_consume(&session->input, session->input.size); /* nobody is to read it any more */
    command_end_input(session->command);
}
