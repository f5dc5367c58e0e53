/* Input that a call wants of a client of the later era, in one round or several: the call ends with
 * what is wanted, and comes again with it. How far it is, is in a state that the client hands back,
 * which nobody else can have made. */
#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/macros.h"
#include "fixture.h"
#include "mcp/reply.h"

enum { STATE_SIZE = 16 + BASE16_ENCODE_LENGTH(SHA256_DIGEST_SIZE) };

static uint8_t key[32];

int fixture_rounds_init(void)
{
    return getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) ? 0 : -1;
}

static void make_state(const char *name, unsigned round, char ret_state[STATE_SIZE])
{
    struct hmac_sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char number[16], hex[BASE16_ENCODE_LENGTH(SHA256_DIGEST_SIZE)];
    snprintf(number, sizeof(number), "%u", round);
    hmac_sha256_set_key(&context, sizeof(key), key);
    hmac_sha256_update(&context, strlen(name) + 1, (const uint8_t *)name);
    hmac_sha256_update(&context, strlen(number), (const uint8_t *)number);
    hmac_sha256_digest(&context, sizeof(digest), digest);
    base16_encode_update(hex, sizeof(digest), digest);
    snprintf(ret_state, STATE_SIZE, "%s.%.*s", number, (int)sizeof(hex), hex);
}

/* The round that the state names, 0 without one; -1: it is none of ours. */
static int read_state(const struct pyro_mcp_message *request, const char *name, size_t rounds)
{
    const char *state = pyro_mcp_text(request->params, "requestState");
    char wanted[STATE_SIZE];
    if (!json_object_get(request->params, "requestState"))
        return 0;
    for (size_t round = 0; state && round < rounds; round++) {
        make_state(name, (unsigned)round, wanted);
        if (strcmp(state, wanted) == 0)
            return (int)round;
    }
    return -1;
}

/* Whether the client has said that it can do what a request of that method asks for. */
static bool can_do(const struct pyro_mcp_message *request, const char *method)
{
    const json_t *can = json_object_get(request->meta, PYRO_MCP_META_CAPABILITIES);
    cleanup_free char *capability = strndup(method, strcspn(method, "/"));
    return capability && json_object_get(can, capability);
}

/* What of a round the client can be asked for. */
static json_t *askable(const struct pyro_mcp_message *request, const json_t *round)
{
    json_t *wanted = json_object();
    const char *name;
    json_t *question;
    json_object_foreach((json_t *)round, name, question)
    {
        if (can_do(request, pyro_json_text(question, "method", "")))
            json_object_set(wanted, name, question);
    }
    return wanted;
}

static bool is_answered(const struct pyro_mcp_message *request, const json_t *wanted)
{
    const json_t *given = json_object_get(request->params, "inputResponses");
    const char *name;
    json_t *question;
    json_object_foreach((json_t *)wanted, name, question)
    {
        if (!json_is_object(json_object_get(given, name)))
            return false;
    }
    return true;
}

/* `wanted` is taken over. */
static char *want(const struct pyro_mcp_message *request, json_t *wanted, const char *state)
{
    cleanup_json json_t *result =
        json_pack("{s:o, s:s*}", "inputRequests", wanted, "requestState", state);
    if (!result || pyro_mcp_result_complete(request->era, result) < 0)
        return NULL;
    json_object_set_new(result, "resultType", json_string("input_required"));
    cleanup_free char *text = pyro_mcp_dump(result);
    return pyro_mcp_reply(request->id, text);
}

char *fixture_ask_input(const struct pyro_mcp_message *request, const json_t *entry)
{
    const json_t *rounds = json_object_get(entry, "rounds");
    const char *name = pyro_mcp_text(request->params, "name");
    bool has_state = pyro_json_boolean(entry, "state", false);
    int round = read_state(request, name, json_array_size(rounds));
    if (has_state && round < 0)
        return pyro_mcp_reply_error(request->id, PYRO_MCP_BAD_PARAMS, NULL,
                                    "requestState is none that this server gave for this call");
    bool is_first = !json_object_get(request->params, "inputResponses");
    for (size_t i = round > 0 ? (size_t)round : 0; i < json_array_size(rounds); i++) {
        char state[STATE_SIZE];
        json_t *wanted = askable(request, json_array_get(rounds, i));
        if (!is_first && is_answered(request, wanted)) {
            json_decref(wanted);
            continue;
        }
        make_state(name, (unsigned)i, state);
        return want(request, wanted, has_state ? state : NULL);
    }
    return NULL;
}
