/* Asking a supervisor about its services and shells. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "supervisor/client_connection.h"
#include "wire/frame.h"

/* As much at a time as the way to the supervisor takes. 0, or what the turn returned. */
static int send_attached(struct pyro_client *client, const uint8_t *bytes, size_t size,
                         const struct pyro_observer *observer)
{
    int r = 0;
    while (size > 0 && r == 0) {
        size_t piece = MIN(size, (size_t)PYRO_FRAME_PAYLOAD_MAX);
        if (pyro_buffer_room(&client->out) < 2 * PYRO_FRAME_SIZE_MAX) {
            r = pyro_client_turn(client, observer, NULL);
            continue;
        }
        r = pyro_frame_append(&client->out, PYRO_FRAME_ATTACH, PYRO_CHANNEL_NONE, 0, bytes, piece);
        bytes += piece;
        size -= piece;
    }
    return r;
}

/* An answer repeats what a service is and adds to it, so a request leaves some of a frame free. */
enum { REQUEST_MAX = PYRO_FRAME_PAYLOAD_MAX - 4096 };

static int send_request(struct pyro_client *client, const json_t *request)
{
    cleanup_free char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    if (strlen(text) > REQUEST_MAX)
        return -EMSGSIZE;
    client->asked = ++client->last_stream;
    json_decref(steal_pointer(&client->answer));
    return pyro_frame_append(&client->out, PYRO_FRAME_REQUEST, PYRO_CHANNEL_NONE, client->asked,
                             text, strlen(text));
}

/* An error of the supervisor's becomes the caller's. */
static int judge(json_t *answer, struct pyro_error *error)
{
    const json_t *refusal = json_object_get(answer, "error");
    if (!json_is_object(refusal))
        return 0;
    int64_t code = pyro_json_integer(refusal, "code", 0);
    bool known = code > PYRO_ERROR_NONE && code < PYRO_ERROR_COUNT;
    pyro_error_set(error, known ? (enum pyro_error_code)code : PYRO_ERROR_INTERNAL, "%s",
                   pyro_json_text(refusal, "message", ""));
    pyro_error_field(error, pyro_json_text(refusal, "field", ""));
    return pyro_error_hint(error, "%s", pyro_json_text(refusal, "hint", ""));
}

int pyro_client_request(struct pyro_client *client, const json_t *request, const void *attached,
                        size_t size, const struct pyro_observer *observer, json_t **ret_answer,
                        struct pyro_error *error)
{
    int r = send_attached(client, attached, size, observer);
    if (r == 0)
        r = send_request(client, request);
    if (r == -EMSGSIZE)
        return pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                              "what is asked is longer than %d KiB", REQUEST_MAX / 1024);
    /* At once, so that it lies there when the supervisor lets us in. What does not go is the turns'
     * to send, and to judge. */
    pyro_buffer_write(&client->out, client->fd);
    while (r == 0 && client->asked && !client->stopped && !client->failed)
        r = pyro_client_turn(client, observer, NULL);
    if (r != 0 || client->asked)
        return pyro_client_explain(client, r, error);
    if (!client->answer)
        return pyro_error_set(error, PYRO_ERROR_INTERNAL, "the supervisor's answer is no JSON");
    if (judge(client->answer, error) < 0)
        return -1;
    *ret_answer = json_incref(client->answer);
    return 0;
}

int pyro_client_request_exec(struct pyro_client *client, const json_t *request,
                             const struct pyro_exec *exec, const struct pyro_observer *observer,
                             json_t **ret_answer, struct pyro_error *error)
{
    struct pyro_buffer packed;
    pyro_buffer_init(&packed, PYRO_FRAME_SIZE_MAX);
    int r = pyro_client_explain_exec(pyro_exec_pack(&packed, 1, exec), error);
    if (r == 0)
        r = pyro_client_request(client, request, pyro_buffer_data(&packed) + PYRO_FRAME_HEADER_SIZE,
                                packed.size - PYRO_FRAME_HEADER_SIZE, observer, ret_answer, error);
    pyro_buffer_finish(&packed);
    return r;
}
