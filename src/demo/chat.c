#include "demo/chat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { MODELS_MOST = 64 };

static void say_waiting(void *userdata)
{
    const struct pyro_chat *chat = userdata;
    char message[128];
    const struct pyro_progress step = {.operation = "model", .phase = "answer", .message = message};
    snprintf(message, sizeof(message), "waiting for %.100s",
             chat->model ? chat->model : "the server");
    if (chat->observer->progress)
        chat->observer->progress(chat->observer->userdata, &step);
}

/* Asks, and takes a success apart. `json` is NULL to get. */
static int exchange(const struct pyro_chat *chat, const char *path, const char *json,
                    json_t **ret_answer, struct pyro_error *error)
{
    cleanup_free char *url = pyro_text_format("%s%s", chat->base_url, path);
    if (!url)
        return pyro_error_no_memory(error);
    const struct pyro_curl_request request = {
        .url = url,
        .json = json,
        .timeout_seconds = chat->timeout_seconds,
        .cancel_fd = chat->observer->cancel_fd,
        .waiting = say_waiting,
        .userdata = (void *)chat,
    };
    struct pyro_curl_response response;
    json_error_t problem;
    int r = chat->http(&request, &response);
    cleanup_free char *body = response.body;
    if (r < 0)
        return pyro_chat_fail_exchange(chat, r, &response, error);
    if (response.status < 200 || response.status > 299)
        return pyro_chat_fail_status(chat, &response, error);
    *ret_answer = json_loadb(body, response.size, 0, &problem);
    if (!*ret_answer)
        return pyro_chat_fail_rubbish(chat, &response, problem.text, error);
    return 0;
}

int pyro_chat_list_models(const struct pyro_chat *chat, json_t **ret_ids, struct pyro_error *error)
{
    cleanup_json json_t *answer = NULL, *ids = json_array();
    size_t index;
    const json_t *model;
    if (exchange(chat, "/v1/models", NULL, &answer, error) < 0)
        return -1;
    json_array_foreach(json_object_get(answer, "data"), index, model)
    {
        json_t *id = json_object_get(model, "id");
        if (json_is_string(id) && json_array_size(ids) < MODELS_MOST)
            json_array_append(ids, id);
    }
    *ret_ids = steal_pointer(&ids);
    return *ret_ids ? 0 : pyro_error_no_memory(error);
}

/* The only model that is there. */
static int choose_model(struct pyro_chat *chat, struct pyro_error *error)
{
    cleanup_json json_t *ids = NULL;
    if (pyro_chat_list_models(chat, &ids, error) < 0)
        return -1;
    if (json_array_size(ids) != 1)
        return pyro_chat_fail_model(chat, NULL, ids, error);
    chat->model = strdup(json_string_value(json_array_get(ids, 0)));
    return chat->model ? 0 : pyro_error_no_memory(error);
}

static void cut_end(char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    if (length >= end_length && strcmp(text + length - end_length, end) == 0)
        text[length - end_length] = '\0';
}

int pyro_chat_init(struct pyro_chat *chat, const struct pyro_home *home, const char *base_url,
                   const char *model, unsigned timeout_seconds,
                   const struct pyro_observer *observer, struct pyro_error *error)
{
    *chat = (struct pyro_chat){.base_url = strdup(base_url),
                               .model = model ? strdup(model) : NULL,
                               .timeout_seconds = timeout_seconds,
                               .observer = observer};
    if (!chat->base_url || (model && !chat->model))
        return pyro_error_no_memory(error);
    cut_end(chat->base_url, "/");
    cut_end(chat->base_url, "/v1"); /* as other programs want it */
    chat->http = pyro_curl_load(home, error);
    if (!chat->http)
        return -1;
    return chat->model ? 0 : choose_model(chat, error);
}

void pyro_chat_finish(struct pyro_chat *chat)
{
    free(chat->base_url);
    free(chat->model);
    *chat = (struct pyro_chat){0};
}

static char *make_request(const struct pyro_chat *chat, const json_t *messages, const json_t *tool,
                          bool must_call)
{
    const char *name = pyro_json_text(json_object_get(tool, "function"), "name", "");
    cleanup_json json_t *request = json_pack("{s:s, s:O, s:[O], s:b}", "model", chat->model,
                                             "messages", messages, "tools", tool, "stream", 0);
    if (request && must_call)
        json_object_set_new(
            request, "tool_choice",
            json_pack("{s:s, s:{s:s}}", "type", "function", "function", "name", name));
    return request ? json_dumps(request, JSON_COMPACT) : NULL;
}

int pyro_chat_ask(const struct pyro_chat *chat, const json_t *messages, const json_t *tool,
                  bool must_call, json_t **ret_message, struct pyro_error *error)
{
    cleanup_free char *request = make_request(chat, messages, tool, must_call);
    cleanup_json json_t *answer = NULL;
    if (!request)
        return pyro_error_no_memory(error);
    if (exchange(chat, "/v1/chat/completions", request, &answer, error) < 0)
        return -1;
    const json_t *choice = json_array_get(json_object_get(answer, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    if (!json_is_object(message)) {
        cleanup_free char *text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);
        struct pyro_curl_response response = {.body = text, .size = text ? strlen(text) : 0};
        return pyro_chat_fail_rubbish(chat, &response, "it has no choices[0].message", error);
    }
    json_t *calls = json_object_get(message, "tool_calls");
    *ret_message =
        json_pack("{s:s, s:o}", "content", pyro_json_text(message, "content", ""), "tool_calls",
                  json_is_array(calls) ? json_incref(calls) : json_array());
    return *ret_message ? 0 : pyro_error_no_memory(error);
}
