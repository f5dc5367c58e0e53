/* What can go wrong between us and a model, in words that say what to do next. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "demo/chat.h"

#define A_GOOD_MODEL "qwen3:8b"

enum { QUOTED_MAX = 300, LISTED_MAX = 600 };

/* The beginning of what the server sent, on one line. To be freed. */
static char *quote(const char *bytes, size_t size)
{
    char *text = pyro_text_to_utf8(bytes ? bytes : "", MIN(size, (size_t)QUOTED_MAX), NULL);
    for (char *at = text; at && *at; at++)
        *at = *at == '\n' || *at == '\t' || *at == '\r' ? ' ' : *at;
    return text;
}

int pyro_chat_fail_exchange(const struct pyro_chat *chat, int r,
                            const struct pyro_curl_response *response, struct pyro_error *error)
{
    const char *url = chat->base_url, *problem = response->problem;
    switch (r) {
    case -ECANCELED:
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "stopped waiting for %s", url);
    case -ENOMEM:
        return pyro_error_no_memory(error);
    case -EINVAL:
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "cannot use the base URL '%s': %s", url,
                       problem);
        pyro_error_field(error, "base_url");
        return pyro_error_hint(error, "give one like http://127.0.0.1:11434");
    case -ENOTCONN:
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "there is no server at %s: %s", url,
                       problem);
        return pyro_error_hint(error, "start one (`ollama serve`, or llama.cpp's `llama-server "
                                      "--jinja`), or say where it is with --base-url");
    case -ETIMEDOUT:
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "%s gave no whole answer within %u s", url,
                       chat->timeout_seconds);
        return pyro_error_hint(error, "take a smaller model, or a larger --timeout-seconds");
    case -EMSGSIZE:
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "the answer of %s is larger than %d MiB",
                       url, PYRO_CURL_BODY_MAX >> 20);
        return pyro_error_hint(error, "see what is serving there; a model's answer is far smaller");
    case -EPROTO:
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "what answers at %s does not speak HTTP: %s",
                       url, problem);
        return pyro_error_hint(error, "see what is serving there, or give another --base-url");
    default:
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "%s ended the exchange early: %s", url,
                       problem);
        return pyro_error_hint(error, "see what the server logged; did it run out of memory?");
    }
}

int pyro_chat_fail_rubbish(const struct pyro_chat *chat, const struct pyro_curl_response *response,
                           const char *problem, struct pyro_error *error)
{
    cleanup_free char *text = quote(response->body, response->size);
    pyro_error_set(error, PYRO_ERROR_MODEL_FAILED,
                   "%s answered with something that is no chat completion: %s; it begins with '%s'",
                   chat->base_url, problem, text ? text : "");
    return pyro_error_hint(error, "give a --base-url whose /v1/chat/completions is like OpenAI's");
}

int pyro_chat_fail_model(const struct pyro_chat *chat, const char *wanted, const json_t *ids,
                         struct pyro_error *error)
{
    const char *names[128] = {NULL};
    char list[LISTED_MAX] = "";
    size_t index, used = 0;
    const json_t *id;
    json_array_foreach((json_t *)ids, index, id)
    {
        if (index < ARRAY_SIZE(names) - 1)
            names[index] = json_string_value(id);
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", index ? ", " : "",
                                 json_string_value(id));
        used = MIN(used, sizeof(list) - 1);
    }
    cleanup_free char *nearest = wanted ? pyro_text_nearest(wanted, names) : NULL;
    if (wanted)
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%s has no model '%.100s'%s%s",
                       chat->base_url, wanted, *list ? "; it has " : "", list);
    else if (*list)
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%s has several models: %s",
                       chat->base_url, list);
    else
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "%s has no model", chat->base_url);
    pyro_error_field(error, "model");
    if (!wanted && *list)
        return pyro_error_hint(error, "say which one with --model");
    return pyro_error_hint(error, "get one (`ollama pull %.100s`)%s%s%s",
                           wanted ? wanted : A_GOOD_MODEL, *list ? ", or give another --model" : "",
                           nearest && *nearest ? ": " : "", nearest ? nearest : "");
}

/* What the server says of it: {"error": {"message": …}}, {"error": …}, or the body as it is. To be
 * freed. */
static char *find_reason(const struct pyro_curl_response *response)
{
    cleanup_json json_t *answer = json_loadb(response->body, response->size, 0, NULL);
    const json_t *told = json_object_get(answer, "error");
    const char *text = json_string_value(json_object_get(told, "message"));
    if (!text)
        text = json_string_value(told);
    if (!text)
        text = json_string_value(json_object_get(answer, "message"));
    return text ? quote(text, strlen(text)) : quote(response->body, response->size);
}

/* 404: of the model, or of all of it? */
static int fail_not_found(const struct pyro_chat *chat, const char *reason,
                          struct pyro_error *error)
{
    struct pyro_chat asker = *chat;
    cleanup_json json_t *ids = NULL;
    struct pyro_error ignored;
    size_t index;
    const json_t *id;
    asker.model = NULL; /* so that a 404 of the list ends this */
    if (!chat->model || pyro_chat_list_models(&asker, &ids, &ignored) < 0) {
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED,
                       "%s serves nothing like OpenAI's API: it answered 404: %s", chat->base_url,
                       reason);
        return pyro_error_hint(error, "give the --base-url without the /v1/… at its end");
    }
    json_array_foreach(ids, index, id)
    {
        if (strcmp(json_string_value(id), chat->model) == 0) {
            pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "%s answered 404: %s", chat->base_url,
                           reason);
            return pyro_error_hint(error, "see what the server logged");
        }
    }
    return pyro_chat_fail_model(chat, chat->model, ids, error);
}

int pyro_chat_fail_status(const struct pyro_chat *chat, const struct pyro_curl_response *response,
                          struct pyro_error *error)
{
    cleanup_free char *found = find_reason(response);
    const char *reason = found ? found : "", *model = chat->model ? chat->model : "";
    if (strstr(reason, "does not support tools")) {
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "the model '%.100s' cannot call tools: %s",
                       model, reason);
        return pyro_error_hint(error, "take one that can, for example: ollama pull " A_GOOD_MODEL
                                      " && pyro demo ollama --model " A_GOOD_MODEL);
    }
    if (strstr(reason, "--jinja")) {
        pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "the server at %s takes no tools: %s",
                       chat->base_url, reason);
        return pyro_error_hint(error, "start it with `llama-server --jinja`");
    }
    if (response->status == 404)
        return fail_not_found(chat, reason, error);
    pyro_error_set(error, PYRO_ERROR_MODEL_FAILED, "%s answered %ld: %s", chat->base_url,
                   response->status, reason);
    return pyro_error_hint(error, response->status >= 300 && response->status < 400
                                      ? "give the --base-url that it leads to"
                                      : "see what the server logged, or try another --model");
}
