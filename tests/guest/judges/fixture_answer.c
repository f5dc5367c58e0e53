/* What a tool or prompt of the fixture does: it logs, tells of progress, asks, and has a result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/macros.h"
#include "fixture.h"
#include "mcp/reply.h"

/* ---- names in braces ---- */

static char *replace(const char *text, const char *name, const char *value)
{
    cleanup_free char *wanted = NULL;
    char *replaced = NULL;
    size_t size;
    FILE *stream = open_memstream(&replaced, &size);
    if (!text || !stream || asprintf(&wanted, "{%s}", name) < 0)
        abort();
    const char *at = text, *found;
    while ((found = strstr(at, wanted))) {
        fprintf(stream, "%.*s%s", (int)(found - at), at, value);
        at = found + strlen(wanted);
    }
    fputs(at, stream);
    fclose(stream);
    return replaced;
}

static json_t *expand_text(const json_t *value, const json_t *names)
{
    char *text = strdup(json_string_value(value));
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)names, name, member)
    {
        char *before = text;
        if (!json_is_string(member))
            continue;
        text = replace(before, name, json_string_value(member));
        free(before);
    }
    json_t *expanded = json_string(text);
    free(text);
    return expanded;
}

json_t *fixture_expand(const json_t *value, const json_t *names)
{
    if (json_is_string(value))
        return expand_text(value, names);
    json_t *copy = json_copy((json_t *)value);
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_set_new(copy, i, fixture_expand(json_array_get(value, i), names));
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member)
        json_object_set_new(copy, name, fixture_expand(member, names));
    return copy;
}

/* ---- on the way ---- */

static void say(struct pyro_mcp_call_state *call, json_t *message)
{
    cleanup_json json_t *taken = message;
    cleanup_free char *text = pyro_mcp_dump(taken), *line = NULL;
    if (asprintf(&line, "%s\n", text) >= 0)
        pyro_mcp_call_say(call, line);
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL); /* as the suite has it */
}

/* Later clients say in each request whether they want logs. */
static void log_all(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call,
                    const json_t *logs)
{
    if (request->era == PYRO_MCP_MODERN &&
        !json_object_get(request->meta, PYRO_MCP_META "logLevel"))
        return;
    for (size_t i = 0; i < json_array_size(logs); i++)
        say(call, json_pack("{s:s, s:s, s:{s:s, s:O}}", "jsonrpc", "2.0", "method",
                            "notifications/message", "params", "level", "info", "data",
                            json_array_get(logs, i)));
}

static void tell_progress(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call,
                          const json_t *values)
{
    json_t *token = json_object_get(request->meta, "progressToken");
    for (size_t i = 0; token && i < json_array_size(values); i++)
        say(call, json_pack("{s:s, s:s, s:{s:O, s:O, s:i}}", "jsonrpc", "2.0", "method",
                            "notifications/progress", "params", "progressToken", token, "progress",
                            json_array_get(values, i), "total", 100));
}

/* The result of an entry, with what was given and answered. */
static char *finish(const struct pyro_mcp_message *request, const json_t *entry,
                    const json_t *arguments, const json_t *answered)
{
    cleanup_json json_t *names = arguments ? json_copy((json_t *)arguments) : json_object();
    cleanup_free char *text = answered ? pyro_mcp_dump(answered) : strdup("");
    json_object_set_new(names, "answer", json_string(text));
    return fixture_reply(request, fixture_expand(json_object_get(entry, "result"), names));
}

static char *ask(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call,
                 const json_t *entry, const json_t *arguments)
{
    cleanup_json json_t *question = fixture_expand(json_object_get(entry, "ask"), arguments);
    cleanup_json json_t *answered = fixture_ask(call, question);
    if (answered)
        return finish(request, entry, arguments, answered);
    return fixture_reply(request, json_pack("{s:[{s:s, s:s}], s:b}", "content", "type", "text",
                                            "text", "The client has not answered", "isError", 1));
}

char *fixture_answer(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call)
{
    const json_t *entry = fixture_entry(request), *arguments = pyro_mcp_arguments(request);
    if (!entry)
        return pyro_mcp_reply_error(request->id, PYRO_MCP_BAD_PARAMS, NULL, "Unknown prompt");
    log_all(request, call, json_object_get(entry, "logs"));
    tell_progress(request, call, json_object_get(entry, "progress"));
    if (json_object_get(entry, "ask") && request->era == PYRO_MCP_LEGACY)
        return ask(request, call, entry, arguments);
    char *line = request->era == PYRO_MCP_MODERN ? fixture_ask_input(request, entry) : NULL;
    return line ? line : finish(request, entry, arguments, NULL);
}
