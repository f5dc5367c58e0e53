/* Shells of a workspace: open, write, signal, resize, close. Reading is shell_read.c. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "operation/session_support.h"
#include "operation/workspace_support.h"
#include "wire/message.h"

enum { INPUT_MAX = 4 * 1024 * 1024 - 1 }; /* with its newline, what the supervisor takes at once */

/* A login shell: bash where there is one. */
static char login[] = "SHELL=$(command -v bash || command -v sh) && export SHELL && exec $SHELL -l";

static int ask(struct pyro_context *context, const json_t *parameters, json_t *request,
               const struct pyro_buffer *attached, const struct pyro_observer *observer,
               json_t **ret_record, struct pyro_error *error)
{
    struct pyro_client *client;
    cleanup_json json_t *asked = request, *answer = NULL;
    if (!asked)
        return pyro_error_no_memory(error);
    if (pyro_workspace_connect(context, parameters, &client, error) < 0)
        return -1;
    int r = pyro_client_request(client, asked, attached ? pyro_buffer_data(attached) : NULL,
                                attached ? attached->size : 0, observer, &answer, error);
    pyro_client_destroy(client);
    if (r == 0)
        *ret_record = json_incref(json_object_get(answer, "record"));
    return r;
}

static int open_shell(struct pyro_context *context, const json_t *parameters, const char *cwd,
                      const struct pyro_observer *observer, json_t **ret_record,
                      struct pyro_error *error)
{
    char *words[] = {(char *)"/bin/sh", (char *)"-c", login, NULL};
    char *environment[] = {(char *)"TERM=xterm-256color", NULL};
    const struct pyro_exec exec = {
        .flags = PYRO_EXEC_TERMINAL | PYRO_EXEC_STDIN,
        .arguments = words,
        .environment = environment,
        .directory = cwd,
        .terminal = {.columns = (uint32_t)pyro_json_integer(parameters, "cols", 120),
                     .rows = (uint32_t)pyro_json_integer(parameters, "rows", 30)}};
    struct pyro_client *client;
    cleanup_json json_t *answer = NULL;
    cleanup_json json_t *asked =
        json_pack("{s:s, s:s, s:I}", "request", "shell_open", "cwd", cwd, "keep_bytes",
                  (json_int_t)pyro_json_integer(parameters, "scrollback_bytes", 4 << 20));
    if (!asked)
        return pyro_error_no_memory(error);
    if (pyro_workspace_connect(context, parameters, &client, error) < 0)
        return -1;
    int r = pyro_client_request_exec(client, asked, &exec, observer, &answer, error);
    pyro_client_destroy(client);
    if (r == 0)
        *ret_record = json_incref(json_object_get(answer, "record"));
    return r;
}

PYRO_SESSION_HANDLER(shell_open)
{
    cleanup_json json_t *record = NULL;
    cleanup_free char *cwd = pyro_guest_directory(pyro_json_text(parameters, "cwd", "/workspace"));
    if (!cwd)
        return pyro_error_no_memory(error);
    if (open_shell(context, parameters, cwd, observer, &record, error) < 0)
        return -1;
    *ret_result = pyro_session_to_json(PYRO_SESSION_SHELL, parameters, record);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

/* The parameter, or what was redirected into the command. */
static int collect_input(const json_t *parameters, const struct pyro_observer *observer,
                         struct pyro_buffer *input, struct pyro_error *error)
{
    const json_t *text = json_object_get(parameters, "input");
    long got = 1;
    if (text) {
        got = pyro_buffer_append(input, json_string_value(text), json_string_length(text));
    } else if (observer && observer->stdin_fd >= 0) {
        while (got > 0)
            got = pyro_buffer_read(input, observer->stdin_fd, 64 * 1024);
    } else {
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "input is missing");
        return pyro_error_field(error, "input");
    }
    if (got == 0)
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   got == -EOVERFLOW || got == -ENOBUFS ? "input is longer than 4 MiB"
                                                        : "cannot read the input");
    return pyro_error_field(error, "input");
}

/* What every request but the first is about. */
static json_t *about(const char *request, const json_t *parameters)
{
    return json_pack("{s:s, s:s}", "request", request, "name",
                     pyro_json_text(parameters, "shell_id", ""));
}

/* The supervisor knows those that are open only: whether there ever was one, its files tell. */
static int ask_about(struct pyro_context *context, const json_t *parameters, json_t *request,
                     const struct pyro_buffer *attached, const struct pyro_observer *observer,
                     json_t **ret_record, struct pyro_error *error)
{
    struct pyro_error why = PYRO_ERROR_INIT;
    struct pyro_session session;
    if (ask(context, parameters, request, attached, observer, ret_record, &why) == 0)
        return 0;
    int r = why.code == PYRO_ERROR_WRONG_STATE
                ? pyro_session_find(context, parameters, PYRO_SESSION_SHELL, &session, error)
                : 0;
    if (why.code == PYRO_ERROR_WRONG_STATE)
        pyro_session_finish(&session);
    if (r == 0 && error)
        *error = why;
    return -1;
}

PYRO_SESSION_HANDLER(shell_write)
{
    struct pyro_buffer input;
    cleanup_json json_t *record = NULL;
    bool newline = pyro_json_boolean(parameters, "append_newline", true);
    pyro_buffer_init(&input, INPUT_MAX);
    int r = collect_input(parameters, observer, &input, error);
    size_t length = input.size;
    input.cap++;
    if (r == 0 && newline && pyro_buffer_append(&input, "\n", 1) < 0)
        r = pyro_error_no_memory(error);
    if (r == 0)
        r = ask_about(context, parameters, about("shell_write", parameters), &input, observer,
                      &record, error);
    pyro_buffer_finish(&input);
    if (r < 0)
        return r;
    json_t *result = pyro_session_to_json(PYRO_SESSION_SHELL, parameters, record);
    if (!result || json_object_set_new(result, "input_length", json_integer((json_int_t)length)) ||
        json_object_set_new(result, "append_newline", json_boolean(newline)))
        return pyro_error_no_memory(error);
    *ret_result = result;
    return 0;
}

static int number_of(const char *signal_name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", SIGHUP}, {"INT", SIGINT}, {"TERM", SIGTERM}, {"KILL", SIGKILL}};
    size_t i = 0;
    while (i < ARRAY_SIZE(signals) - 1 && strcmp(signals[i].name, signal_name) != 0)
        i++;
    return signals[i].number;
}

PYRO_SESSION_HANDLER(shell_signal)
{
    cleanup_json json_t *record = NULL;
    const char *name = pyro_json_text(parameters, "signal_name", "INT");
    json_t *request = about("shell_signal", parameters);
    json_object_set_new(request, "signal", json_integer(number_of(name)));
    if (ask_about(context, parameters, request, NULL, observer, &record, error) < 0)
        return -1;
    *ret_result = pyro_session_to_json(PYRO_SESSION_SHELL, parameters, record);
    if (!*ret_result || json_object_set_new(*ret_result, "signal", json_string(name)) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

PYRO_SESSION_HANDLER(shell_resize)
{
    cleanup_json json_t *record = NULL;
    json_t *request = about("shell_resize", parameters);
    json_object_set(request, "cols", json_object_get(parameters, "cols"));
    json_object_set(request, "rows", json_object_get(parameters, "rows"));
    if (ask_about(context, parameters, request, NULL, observer, &record, error) < 0)
        return -1;
    *ret_result = pyro_session_to_json(PYRO_SESSION_SHELL, parameters, record);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

/* One that is closed already stays so. */
PYRO_SESSION_HANDLER(shell_close)
{
    struct pyro_session session;
    cleanup_json json_t *record = NULL;
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SHELL, &session, error);
    if (r == 0 && pyro_session_is_running(session.record))
        r = ask(context, parameters, about("shell_close", parameters), NULL, observer, &record,
                error);
    if (r == 0)
        r = pyro_session_refresh(context, &session, error);
    if (r == 0) {
        *ret_result = pyro_session_to_json(PYRO_SESSION_SHELL, parameters, session.record);
        if (!*ret_result || json_object_set_new(*ret_result, "closed", json_true()) < 0)
            r = pyro_error_no_memory(error);
    }
    pyro_session_finish(&session);
    return r;
}
