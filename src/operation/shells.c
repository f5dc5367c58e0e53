/* Shells of a workspace: open, write, signal, resize, close. Reading is shell_read.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "operation/session_support.h"

enum { INPUT_MAX = 4 * 1024 * 1024 }; /* and its newline */

/* A login shell: bash where there is one. */
static char login[] = "SHELL=$(command -v bash || command -v sh) && export SHELL && exec $SHELL -l";

PYRO_HANDLER(shell_open)
{
    char *words[] = {(char *)"/bin/sh", (char *)"-c", login, NULL};
    char *environment[] = {(char *)"TERM=xterm-256color", NULL};
    cleanup_free char *cwd = pyro_guest_directory(pyro_json_text(parameters, "cwd", ""));
    const struct pyro_exec exec = {
        .flags = PYRO_EXEC_TERMINAL | PYRO_EXEC_STDIN,
        .arguments = words,
        .environment = environment,
        .directory = cwd,
        .terminal = {.columns = (uint32_t)pyro_json_integer(parameters, "cols", 0),
                     .rows = (uint32_t)pyro_json_integer(parameters, "rows", 0)}};
    cleanup_json json_t *answer = NULL;
    json_t *request =
        json_pack("{s:s, s:s, s:I}", "request", "shell_open", "cwd", cwd, "keep_bytes",
                  (json_int_t)pyro_json_integer(parameters, "scrollback_bytes", 0));
    if (pyro_session_ask(context, parameters, request, &(struct pyro_attached){.exec = &exec},
                         observer, &answer, error) < 0)
        return -1;
    return pyro_session_result(PYRO_SESSION_SHELL, parameters, json_object_get(answer, "record"),
                               NULL, ret_result, error);
}

/* To its end, at its writer's pace. 0 or a negative errno, -ECANCELED when the caller gave up. */
static int read_stdin(const struct pyro_observer *observer, struct pyro_buffer *input)
{
    struct pollfd polled[] = {{.fd = observer->stdin_fd, .events = POLLIN},
                              {.fd = observer->cancel_fd, .events = POLLIN}};
    long got;
    do {
        if (poll(polled, ARRAY_SIZE(polled), -1) < 0 && errno != EINTR)
            return -errno;
        if (polled[1].revents)
            return -ECANCELED;
        got = polled[0].revents ? pyro_buffer_read(input, observer->stdin_fd, 64 * 1024) : -EAGAIN;
    } while (got > 0 || got == -EAGAIN);
    return (int)got;
}

/* The parameter, or what was redirected into the command. */
static int collect_input(const json_t *parameters, const struct pyro_observer *observer,
                         struct pyro_buffer *input, struct pyro_error *error)
{
    const json_t *text = json_object_get(parameters, "input");
    const char *wrong = "input is missing";
    int r = -EINVAL;
    if (text)
        r = pyro_buffer_append(input, json_string_value(text), json_string_length(text));
    else if (observer && observer->stdin_fd >= 0)
        r = read_stdin(observer, input);
    if (r == 0 && input->size <= INPUT_MAX)
        return 0;
    if (r == -ECANCELED)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    if (r == 0 || r == -EOVERFLOW || r == -ENOBUFS)
        wrong = "input is longer than 4 MiB";
    else if (r != -EINVAL)
        wrong = "cannot read the input";
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%s", wrong);
    return pyro_error_field(error, "input");
}

/* What every request but the first is about. */
static json_t *about(const char *request, const json_t *parameters)
{
    return json_pack("{s:s, s:s}", "request", request, "name",
                     pyro_json_text(parameters, "shell_id", ""));
}

/* The supervisor knows those that are open only: whether there ever was one, its files tell. */
static int explain(struct pyro_context *context, const json_t *parameters,
                   const struct pyro_error *why, struct pyro_error *error)
{
    struct pyro_session session;
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SHELL, &session, error);
    pyro_session_finish(&session);
    if (r == 0 && error)
        *error = *why;
    return -1;
}

/* Asks about one that is open. The result has the members of `more` beside its record. */
static int ask(struct pyro_context *context, const json_t *parameters, json_t *request,
               const struct pyro_attached *attached, const struct pyro_observer *observer,
               json_t *more, json_t **ret_result, struct pyro_error *error)
{
    struct pyro_error why = PYRO_ERROR_INIT;
    cleanup_json json_t *answer = NULL, *taken = more;
    if (pyro_session_ask(context, parameters, request, attached, observer, &answer, &why) == 0)
        return pyro_session_result(PYRO_SESSION_SHELL, parameters,
                                   json_object_get(answer, "record"), json_incref(taken),
                                   ret_result, error);
    if (why.code == PYRO_ERROR_WRONG_STATE)
        return explain(context, parameters, &why, error);
    if (error)
        *error = why;
    return -1;
}

PYRO_HANDLER(shell_write)
{
    struct pyro_buffer input;
    bool newline = pyro_json_boolean(parameters, "append_newline", false);
    pyro_buffer_init(&input, INPUT_MAX + 1);
    int r = collect_input(parameters, observer, &input, error);
    json_t *more =
        json_pack("{s:I, s:b}", "input_length", (json_int_t)input.size, "append_newline", newline);
    if (r == 0 && newline && pyro_buffer_append(&input, "\n", 1) < 0)
        r = pyro_error_no_memory(error);
    if (r == 0)
        r = ask(context, parameters, about("shell_write", parameters),
                &(struct pyro_attached){.bytes = &input}, observer, steal_pointer(&more),
                ret_result, error);
    json_decref(more);
    pyro_buffer_finish(&input);
    return r;
}

/* 0 when there is none, which nobody takes for one. */
static int number_of(const char *signal_name)
{
    for (int number = 1; number < NSIG; number++) {
        const char *name = sigabbrev_np(number);
        if (name && strcmp(name, signal_name) == 0)
            return number;
    }
    return 0;
}

PYRO_HANDLER(shell_signal)
{
    const char *name = pyro_json_text(parameters, "signal_name", "");
    json_t *request = about("shell_signal", parameters);
    json_object_set_new(request, "signal", json_integer(number_of(name)));
    return ask(context, parameters, request, NULL, observer, json_pack("{s:s}", "signal", name),
               ret_result, error);
}

PYRO_HANDLER(shell_resize)
{
    json_t *request = about("shell_resize", parameters);
    json_object_set(request, "cols", json_object_get(parameters, "cols"));
    json_object_set(request, "rows", json_object_get(parameters, "rows"));
    return ask(context, parameters, request, NULL, observer, NULL, ret_result, error);
}

/* One that is closed already stays so. */
PYRO_HANDLER(shell_close)
{
    struct pyro_session session;
    cleanup_json json_t *answer = NULL;
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SHELL, &session, error);
    if (r == 0 && pyro_session_is_running(session.record))
        r = pyro_session_ask(context, parameters, about("shell_close", parameters), NULL, observer,
                             &answer, error);
    if (r == 0)
        r = pyro_session_refresh(context, &session, error);
    if (r == 0)
        r = pyro_session_result(PYRO_SESSION_SHELL, parameters, session.record,
                                json_pack("{s:b}", "closed", 1), ret_result, error);
    pyro_session_finish(&session);
    return r;
}
