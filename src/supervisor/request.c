/* What clients ask about services and shells: a JSON object in a REQUEST, what does not fit into
 * one in ATTACH frames before it, and one ANSWER (docs/PROTOCOL.md, "Requests"). */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "supervisor/session.h"

static const struct {
    const char *name;
    enum pyro_session_kind kind;
    int (*take)(const struct ask *ask, struct pyro_error *error);
} requests[] = {
    {"service_start", PYRO_SESSION_SERVICE, service_start},
    {"service_stop", PYRO_SESSION_SERVICE, session_stop},
    {"service_watch", PYRO_SESSION_SERVICE, session_watch},
    {"shell_open", PYRO_SESSION_SHELL, shell_open},
    {"shell_write", PYRO_SESSION_SHELL, shell_write},
    {"shell_signal", PYRO_SESSION_SHELL, shell_signal},
    {"shell_resize", PYRO_SESSION_SHELL, shell_resize},
    {"shell_close", PYRO_SESSION_SHELL, session_stop},
    {"shell_watch", PYRO_SESSION_SHELL, session_watch},
};

int request_attach(struct client *client, const struct pyro_frame *frame)
{
    return pyro_buffer_append(&client->attached, frame->payload, frame->length);
}

void request_answer(struct client *client, uint32_t stream, json_t *answer)
{
    cleanup_free char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    serve_send(client, text ? pyro_frame_append(&client->out, PYRO_FRAME_ANSWER, PYRO_CHANNEL_NONE,
                                                stream, text, strlen(text))
                            : -1);
    serve_answered(client);
}

void request_answer_error(struct client *client, uint32_t stream, const struct pyro_error *error)
{
    request_answer(client, stream,
                   json_pack("{s:{s:i, s:s, s:s, s:s}}", "error", "code", (int)error->code,
                             "message", error->message, "hint", error->hint, "field",
                             error->field));
}

int request_exec(const struct client *client, struct pyro_exec *ret_exec, struct pyro_error *error)
{
    int r = pyro_exec_unpack(pyro_buffer_data(&client->attached), client->attached.size, ret_exec);
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_INTERNAL, r, "cannot read the command")
                 : 0;
}

static int dispatch(struct client *client, uint32_t stream, const json_t *request,
                    struct pyro_error *error)
{
    struct supervisor *supervisor = client->supervisor;
    const char *asked = pyro_json_text(request, "request", "");
    struct ask ask = {client, stream, request, pyro_json_text(request, "name", ""), NULL};
    if (supervisor->state != STATE_RUNNING || !supervisor->config.is_workspace) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the workspace does not run");
        return pyro_error_hint(error, "the next `pyro workspace exec` starts it again");
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if (strcmp(requests[i].name, asked) != 0)
            continue;
        ask.session = session_find(supervisor, requests[i].kind, ask.name);
        return requests[i].take(&ask, error);
    }
    return pyro_error_set(error, PYRO_ERROR_INTERNAL, "the supervisor does not know the request");
}

int request_take(struct client *client, const struct pyro_frame *frame)
{
    cleanup_json json_t *request =
        json_loadb((const char *)frame->payload, frame->length, JSON_REJECT_DUPLICATES, NULL);
    struct pyro_error error = PYRO_ERROR_INIT;
    if (!request)
        return -EPROTO;
    client->has_asked = true;
    client->unanswered++;
    history_use(client->supervisor);
    history_note_use(client->supervisor);
    if (dispatch(client, frame->stream, request, &error) < 0)
        request_answer_error(client, frame->stream, &error);
    pyro_buffer_finish(&client->attached);
    pyro_buffer_init(&client->attached, ATTACHED_MAX);
    return 0;
}
