/* Asking a workspace's supervisor about its services and shells, and waiting for what it has to
 * tell. One connection serves all requests of a context. */
#include <poll.h>
#include <string.h>

#include "base/json.h"
#include "operation/session_support.h"
#include "operation/workspace_support.h"

/* The connection of an earlier request, if it will do for this one. */
static struct pyro_client *take_kept(struct pyro_context *context, const char *vm_id)
{
    struct pyro_client *client = steal_pointer(&context->client);
    if (client && pyro_client_reuse(client, vm_id))
        return client;
    pyro_client_destroy(client);
    return NULL;
}

/* Only one that has answered: what another one still has to say nobody knows. */
static void keep(struct pyro_context *context, struct pyro_client *client)
{
    pyro_client_destroy(context->client);
    context->client = client;
}

static int ask(struct pyro_client *client, const json_t *asked,
               const struct pyro_attached *attached, const struct pyro_observer *observer,
               json_t **ret_answer, struct pyro_error *error)
{
    const struct pyro_buffer *bytes = attached ? attached->bytes : NULL;
    if (attached && attached->exec)
        return pyro_client_request_exec(client, asked, attached->exec, observer, ret_answer, error);
    return pyro_client_request(client, asked, bytes ? pyro_buffer_data(bytes) : NULL,
                               bytes ? bytes->size : 0, observer, ret_answer, error);
}

/* What came of a request; its connection is taken over. */
static int finish(struct pyro_context *context, struct pyro_client *client, int r,
                  const struct pyro_error *why, struct pyro_error *error)
{
    if (r == 0) {
        keep(context, client);
        return 0;
    }
    pyro_client_destroy(client);
    if (error)
        *error = *why;
    return -1;
}

/* A supervisor that has let a kept connection go has done nothing of what came over it: it is asked
 * once more. */
int pyro_session_ask(struct pyro_context *context, const json_t *parameters, json_t *request,
                     const struct pyro_attached *attached, const struct pyro_observer *observer,
                     json_t **ret_answer, struct pyro_error *error)
{
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_error why = PYRO_ERROR_INIT;
    cleanup_json json_t *asked = request;
    if (!asked)
        return pyro_error_no_memory(error);
    if (pyro_workspace_vm(parameters, vm_id, error) < 0)
        return -1;
    struct pyro_client *client = take_kept(context, vm_id);
    if (client) {
        int r = ask(client, asked, attached, observer, ret_answer, &why);
        if (r == 0 || why.code == PYRO_ERROR_CANCELLED || pyro_client_was_heard(client))
            return finish(context, client, r, &why, error);
        pyro_client_destroy(client);
    }
    if (pyro_workspace_connect(context, parameters, &client, error) < 0)
        return -1;
    int r = ask(client, asked, attached, observer, ret_answer, &why);
    return finish(context, client, r, &why, error);
}

static json_t *watch_request(const struct pyro_session_watch *watch, const uint64_t *positions,
                             uint64_t timeout_ms)
{
    enum { MOST_MS = 600 * 1000 };
    bool is_service = watch->session->kind == PYRO_SESSION_SERVICE;
    json_t *list = json_array();
    for (size_t i = 0; i < (is_service ? 2 : 1); i++)
        json_array_append_new(list, json_integer((json_int_t)MAX(positions[i], watch->known[i])));
    /* A shell's name is never given again. */
    json_t *begun = is_service ? json_object_get(watch->session->record, "started_at") : NULL;
    return json_pack("{s:s, s:s, s:O*, s:o, s:I}", "request",
                     is_service ? "service_watch" : "shell_watch", "name", watch->session->name,
                     "started_at", begun, "positions", list, "wait_ms",
                     (json_int_t)MIN(timeout_ms, (uint64_t)MOST_MS));
}

/* Nobody tells where its logs end now, only its files do: it has ended, or its supervisor is out of
 * reach. */
static int look_into_files(struct pyro_session_watch *watch, struct pyro_error *error)
{
    memset(watch->known, 0, sizeof(watch->known));
    return pyro_session_refresh(watch->context, watch->session, error);
}

static int take_answer(struct pyro_session_watch *watch, const json_t *answer,
                       struct pyro_error *error)
{
    const json_t *positions = json_object_get(answer, "positions");
    if (!positions)
        return look_into_files(watch, error);
    for (size_t i = 0; i < ARRAY_SIZE(watch->known); i++)
        watch->known[i] = (uint64_t)json_integer_value(json_array_get(positions, i));
    return 0;
}

enum {
    AGAIN_MS = 20,       /* for a guest that is gone, which its bundle's lock tells, or comes */
    AGAIN_LATE_MS = 250, /* when there are too many that watch */
};

/* Its files tell all the same, when one looks again and again. */
static int look_later(struct pyro_session_watch *watch, uint64_t timeout_ms, uint64_t again_ms,
                      struct pyro_error *error)
{
    struct pollfd polled = {.fd = watch->observer ? watch->observer->cancel_fd : -1,
                            .events = POLLIN};
    if (poll(&polled, 1, (int)MIN(timeout_ms, again_ms)) > 0)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    return look_into_files(watch, error);
}

int pyro_session_watch(struct pyro_session_watch *watch, const uint64_t *positions,
                       uint64_t timeout_ms, struct pyro_error *error)
{
    struct pyro_error why = PYRO_ERROR_INIT;
    cleanup_json json_t *answer = NULL;
    cleanup_json json_t *asked = watch_request(watch, positions, timeout_ms);
    if (!asked)
        return pyro_error_no_memory(error);
    if (!watch->client)
        watch->client = take_kept(watch->context, watch->session->vm_id);
    if (!watch->client &&
        pyro_client_connect(&watch->context->home, watch->session->vm_id, &watch->client, NULL) < 0)
        return look_later(watch, timeout_ms, AGAIN_MS, error);
    if (pyro_client_request(watch->client, asked, NULL, 0, watch->observer, &answer, &why) == 0)
        return take_answer(watch, answer, error);
    if (why.code == PYRO_ERROR_WRONG_STATE && pyro_client_is_running(watch->client))
        return look_later(watch, timeout_ms, AGAIN_LATE_MS, error);
    pyro_client_destroy(steal_pointer(&watch->client));
    if (why.code == PYRO_ERROR_CANCELLED)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    return look_later(watch, timeout_ms, AGAIN_MS, error);
}

void pyro_session_unwatch(struct pyro_session_watch *watch)
{
    if (watch->client)
        keep(watch->context, steal_pointer(&watch->client));
}
