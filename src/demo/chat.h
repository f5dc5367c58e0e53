/* A model behind an OpenAI-style server: Ollama, llama.cpp's, and others. What it answers is
 * checked; what went wrong is told with what to do next. */
#ifndef PYRO_DEMO_CHAT_H
#define PYRO_DEMO_CHAT_H

#include <jansson.h>
#include <pyro/pyro.h>
#include <stdbool.h>

#include "demo/curl.h"

struct pyro_chat {
    pyro_curl_function *http;
    char *base_url; /* without "/" and "/v1" at its end */
    char *model;    /* NULL until it is known */
    unsigned timeout_seconds;
    const struct pyro_observer *observer;
};

/* The strings are copied. A model that is NULL is the only one that the server has. */
int pyro_chat_init(struct pyro_chat *chat, const struct pyro_home *home, const char *base_url,
                   const char *model, unsigned timeout_seconds,
                   const struct pyro_observer *observer, struct pyro_error *error);
void pyro_chat_finish(struct pyro_chat *chat);

/* What the model says next. `tool`: the one function that it is offered; `must_call`: the server is
 * asked to let it do nothing else, which not every server can. `ret_message` is an object with
 * "content", a string, and "tool_calls", an array of anything, empty if there is none. */
int pyro_chat_ask(const struct pyro_chat *chat, const json_t *messages, const json_t *tool,
                  bool must_call, json_t **ret_message, struct pyro_error *error);

/* ---- between chat.c and chat_error.c ---- */

/* The ids of the models that the server has: an array of strings. */
int pyro_chat_list_models(const struct pyro_chat *chat, json_t **ret_ids, struct pyro_error *error);

/* An exchange that failed with a negative errno. */
int pyro_chat_fail_exchange(const struct pyro_chat *chat, int r,
                            const struct pyro_curl_response *response, struct pyro_error *error);
/* A response that is no success. */
int pyro_chat_fail_status(const struct pyro_chat *chat, const struct pyro_curl_response *response,
                          struct pyro_error *error);
/* A response that is not what it should be. */
int pyro_chat_fail_rubbish(const struct pyro_chat *chat, const struct pyro_curl_response *response,
                           const char *problem, struct pyro_error *error);
/* Several models, or none, and nobody said which; or one that is not there. `wanted` may be NULL.
 */
int pyro_chat_fail_model(const struct pyro_chat *chat, const char *wanted, const json_t *ids,
                         struct pyro_error *error);

#endif
