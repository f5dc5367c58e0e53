#include "mcp/message.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"

/* Whether the text nests no deeper, and holds no more values, than is allowed; strings are stepped
 * over. That it is JSON at all is the parser's business. */
static bool is_within_limits(const char *bytes, size_t size)
{
    size_t depth = 0, values = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string && (bytes[i] == '{' || bytes[i] == '['))
            depth++;
        else if (!in_string && (bytes[i] == '}' || bytes[i] == ']'))
            depth -= depth > 0;
        else if (!in_string && bytes[i] == ',')
            values++;
        if (depth > PYRO_MCP_NESTING_MAX || values > PYRO_MCP_VALUES_MAX)
            return false;
    }
    return true;
}

/* A whole number beyond 64 bits would make the message unreadable, and its sender wait for ever:
 * numbers that large are only ever wrong arguments, which the check of parameters refuses by
 * name. */
static json_t *load(const char *bytes, size_t size)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t error;
    json_t *value = json_loadb(bytes, size, flags, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        value = json_loadb(bytes, size, flags | JSON_DECODE_INT_AS_REAL, &error);
    return value;
}

const char *pyro_mcp_text(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    const char *text = json_string_value(member);
    return text && strlen(text) == json_string_length(member) ? text : NULL;
}

/* After load() has read whole numbers as real ones, an id is one too. */
static void restore_id(json_t *whole)
{
    enum { EXACT_BITS = 53 };
    const json_t *id = json_object_get(whole, "id");
    double real = json_real_value(id);
    if (json_is_real(id) && fabs(real) < (double)(INT64_C(1) << EXACT_BITS) &&
        real == (double)(int64_t)real)
        json_object_set_new(whole, "id", json_integer((json_int_t)real));
}

static bool is_id(const json_t *value)
{
    return json_is_string(value) || json_is_integer(value);
}

static const char *find_problem(const json_t *whole)
{
    const char *version = pyro_mcp_text(whole, "jsonrpc");
    const json_t *id = json_object_get(whole, "id"), *method = json_object_get(whole, "method");
    const json_t *params = json_object_get(whole, "params");
    if (json_is_array(whole))
        return "batches are not part of the protocol any more";
    if (!version || strcmp(version, "2.0") != 0)
        return "it is not JSON-RPC 2.0";
    if (id && !is_id(id))
        return "its id is neither a string nor a whole number";
    if (method && !pyro_mcp_text(whole, "method"))
        return "its method is not a name";
    if (params && !json_is_object(params))
        return "its params are not an object";
    if (!method && !(id && (json_object_get(whole, "result") || json_object_get(whole, "error"))))
        return "it has no method";
    return NULL;
}

static void find_parts(struct pyro_mcp_message *message)
{
    message->id = json_object_get(message->whole, "id");
    message->method = pyro_mcp_text(message->whole, "method");
    message->params = json_object_get(message->whole, "params");
    const json_t *meta = json_object_get(message->params, "_meta");
    message->meta = json_is_object(meta) ? meta : NULL;
    if (json_object_get(message->meta, PYRO_MCP_META_VERSION))
        message->era = PYRO_MCP_MODERN;
    if (!message->method)
        message->kind = PYRO_MCP_RESPONSE;
    else
        message->kind = message->id ? PYRO_MCP_REQUEST : PYRO_MCP_NOTIFICATION;
}

void pyro_mcp_message_parse(const char *bytes, size_t size, struct pyro_mcp_message *ret_message)
{
    *ret_message = (struct pyro_mcp_message){.kind = PYRO_MCP_INVALID};
    if (size > PYRO_MCP_MESSAGE_MAX)
        ret_message->problem = "it is longer than 16 MiB";
    else if (!is_within_limits(bytes, size))
        ret_message->problem = "it nests too deep, or holds too many values";
    if (ret_message->problem)
        return;
    ret_message->whole = load(bytes, size);
    if (!ret_message->whole) {
        ret_message->problem = "it is not JSON";
        return;
    }
    restore_id(ret_message->whole);
    ret_message->problem = find_problem(ret_message->whole);
    if (!ret_message->problem)
        find_parts(ret_message);
}

void pyro_mcp_message_finish(struct pyro_mcp_message *message)
{
    json_decref(message->whole);
    *message = (struct pyro_mcp_message){0};
}
