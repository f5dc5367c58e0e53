/* Shells: a terminal in the guest that nobody need be attached to. What it shows is kept, what is
 * typed waits here until its programs read it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
    session_answer(timer->userdata, WAIT_START);
}

static void started(void *userdata, uint32_t pid)
{
    struct session *session = userdata;
    session_set(session, "pid", json_integer(pid));
    session_write(session);
    pyro_timer_start(&session->supervisor->loop, &session->prompt, PROMPT_MS, prompt_late, session);
}

/* A shell has one stream; on the other one the agent says why there is none. */
static void output(void *userdata, enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    struct session *session = userdata;
    size_t used = strlen(session->said);
    history_use(session->supervisor);
    if (channel == PYRO_CHANNEL_STDOUT) {
        pyro_log_write(&session->logs[0], bytes, size);
        session_answer(session, WAIT_OUTPUT);
        if (session->prompt.loop)
            session_answer(session, WAIT_START);
        pyro_timer_stop(&session->prompt);
        return;
    }
    for (uint32_t i = 0; i < size && used < sizeof(session->said) - 1 && bytes[i] != '\n'; i++)
        session->said[used++] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '?';
    session->said[used] = '\0';
}

static void writable(void *userdata)
{
    struct session *session = userdata;
    struct pyro_buffer *input = &session->input;
    size_t sent = command_write(session->command, pyro_buffer_data(input), input->size);
    pyro_buffer_consume(input, sent);
}

static void fail_start(struct session *session)
{
    struct pyro_error error;
    const char *said = session->said;
    static const char prefix[] = "pyro: ";
    if (strncmp(said, prefix, strlen(prefix)) == 0)
        said += strlen(prefix);
    pyro_error_set(&error, PYRO_ERROR_INVALID_PARAMETER, "cannot open a shell: %s",
                   *said ? said : "it could not be started");
    if (strstr(said, "directory"))
        pyro_error_field(&error, "cwd");
    session_answer_error(session, WAIT_START, &error);
    session_discard(session);
}

static void ended(void *userdata, const struct pyro_exited *exited)
{
    struct session *session = userdata;
    session->command = NULL;
    if (exited && exited->kind == PYRO_EXIT_UNSTARTED) {
        fail_start(session);
        return;
    }
    session_set(session, "state", json_string("stopped"));
    if (exited)
        session_set(session, "exit_code", json_integer(pyro_exited_status(exited)));
    else
        pyro_session_lose(session->record, "its guest ended first", 0);
    session_end(session);
}

static const struct command_owner owner = {
    .started = started, .output = output, .writable = writable, .ended = ended};

/* The next free number: a name is never used twice. */
static int choose_name(const struct supervisor *supervisor, char name[PYRO_SESSION_NAME_SIZE],
                       struct pyro_error *error)
{
    cleanup_json json_t *names = pyro_session_list(supervisor->directory, PYRO_SESSION_SHELL);
    unsigned last = 0;
    if (!names)
        return pyro_error_no_memory(error);
    if (json_array_size(names) > 0)
        sscanf(json_string_value(json_array_get(names, json_array_size(names) - 1)), "sh-%u",
               &last);
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
    return r < 0 ? r : command_start(session->supervisor, exec, &owner, session, &session->command);
}

static int start(struct client *client, uint32_t stream, const json_t *request,
                 const struct pyro_exec *exec, struct pyro_error *error)
{
    char name[PYRO_SESSION_NAME_SIZE];
    if (choose_name(client->supervisor, name, error) < 0)
        return -1;
    json_t *record = new_record(request, name, exec);
    if (!record)
        return pyro_error_no_memory(error);
    struct session *session =
        session_create(client->supervisor, PYRO_SESSION_SHELL, name, record, error);
    if (!session)
        return -1;
    int r = session_wait(session, client, stream, WAIT_START) ? 0 : -EAGAIN;
    if (r == 0)
        r = launch(session, request, exec);
    if (r == 0)
        return 0;
    session_discard(session);
    return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot open a shell");
}

int shell_open(struct client *client, uint32_t stream, const json_t *request,
               struct pyro_error *error)
{
    struct pyro_exec exec;
    if (request_exec(client, &exec, error) < 0)
        return -1;
    int r = exec.flags & PYRO_EXEC_TERMINAL
                ? start(client, stream, request, &exec, error)
                : pyro_error_set(error, PYRO_ERROR_INTERNAL, "a shell needs a terminal");
    pyro_exec_finish(&exec);
    return r;
}

/* The one that is meant, which must be open. Whether there ever was one the client knows. */
static struct session *find(const struct client *client, const json_t *request,
                            struct pyro_error *error)
{
    const char *name = pyro_json_text(request, "name", "");
    struct session *session = session_find(client->supervisor, PYRO_SESSION_SHELL, name);
    if (session && !session->is_asked)
        return session;
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the shell %s is %s", name,
                   session ? "being closed" : "not open any more");
    pyro_error_field(error, "shell_id");
    pyro_error_hint(error, "open another one; what this one showed can still be read");
    return NULL;
}

static void acknowledge(struct client *client, uint32_t stream, const struct session *session)
{
    request_answer(client, stream, json_pack("{s:O}", "record", session->record));
}

/* All of it or nothing. */
int shell_write(struct client *client, uint32_t stream, const json_t *request,
                struct pyro_error *error)
{
    struct session *session = find(client, request, error);
    if (!session)
        return -1;
    const uint8_t *bytes = pyro_buffer_data(&client->attached);
    size_t size = client->attached.size, sent = 0;
    if (size > pyro_buffer_room(&session->input)) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE,
                       "%s does not read its input: %zu bytes wait already, %zu more do not fit",
                       session->name, session->input.size, size);
        pyro_error_field(error, "input");
        return pyro_error_hint(error, "see what it is doing (shell read), or interrupt it (shell "
                                      "signal)");
    }
    if (session->input.size == 0)
        sent = command_write(session->command, bytes, size);
    if (pyro_buffer_append(&session->input, bytes + sent, size - sent) < 0)
        return pyro_error_no_memory(error);
    acknowledge(client, stream, session);
    return 0;
}

int shell_signal(struct client *client, uint32_t stream, const json_t *request,
                 struct pyro_error *error)
{
    struct session *session = find(client, request, error);
    if (!session)
        return -1;
    command_signal(session->command, (int)pyro_json_integer(request, "signal", 0));
    acknowledge(client, stream, session);
    return 0;
}

int shell_resize(struct client *client, uint32_t stream, const json_t *request,
                 struct pyro_error *error)
{
    const struct pyro_terminal_size size = {
        .columns = (uint32_t)pyro_json_integer(request, "cols", 0),
        .rows = (uint32_t)pyro_json_integer(request, "rows", 0)};
    struct session *session = find(client, request, error);
    if (!session)
        return -1;
    command_resize(session->command, &size);
    session_set(session, "cols", json_integer(size.columns));
    session_set(session, "rows", json_integer(size.rows));
    session_write(session);
    acknowledge(client, stream, session);
    return 0;
}

/* Hung up, then killed if that is ignored. One that does not run is told by its record. */
int shell_close(struct client *client, uint32_t stream, const json_t *request,
                struct pyro_error *error)
{
    struct session *session =
        session_find(client->supervisor, PYRO_SESSION_SHELL, pyro_json_text(request, "name", ""));
    if (!session) {
        request_answer(client, stream, json_pack("{s:b}", "was_running", 0));
        return 0;
    }
    if (!session_wait(session, client, stream, WAIT_END))
        return pyro_error_no_memory(error);
    if (!session->is_asked) {
        session_ask(session, CLOSE_GRACE_MS, "closed");
        command_end_input(session->command);
    }
    return 0;
}
