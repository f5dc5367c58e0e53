/* fixture-server FIXTURE.json [ADDRESS:PORT]    without an address on stdin and stdout */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/json.h"
#include "base/macros.h"
#include "fixture.h"
#include "mcp/http.h"
#include "mcp/reply.h"
#include "mcp/stdio.h"

json_t *fixture;

enum { MISSING_CAPABILITY = -32021 };

static bool is_method(const struct pyro_mcp_message *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}

const json_t *fixture_entry(const struct pyro_mcp_message *request)
{
    const json_t *entries =
        json_object_get(fixture, is_method(request, "tools/call") ? "tools" : "prompts");
    const char *name = pyro_mcp_text(request->params, "name");
    return name ? json_object_get(entries, name) : NULL;
}

char *fixture_reply(const struct pyro_mcp_message *request, json_t *result)
{
    cleanup_json json_t *taken = result;
    if (!taken || pyro_mcp_result_complete(request->era, taken) < 0)
        return NULL;
    cleanup_free char *text = pyro_mcp_dump(taken);
    return pyro_mcp_reply(request->id, text);
}

/* The same, and clients may keep it. */
static char *reply_kept(const struct pyro_mcp_message *request, json_t *result)
{
    if (result && request->era == PYRO_MCP_MODERN) {
        json_object_set_new(result, "ttlMs", json_integer(1000));
        json_object_set_new(result, "cacheScope", json_string("public"));
    }
    return fixture_reply(request, result);
}

/* ---- lists ---- */

static json_t *list_tools(void)
{
    json_t *list = json_array();
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(fixture, "tools"), name, entry)
    {
        json_t *schema = json_object_get(entry, "inputSchema");
        schema = schema ? json_incref(schema) : json_pack("{s:s}", "type", "object");
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", name, "description",
                                              "A tool of the test server", "inputSchema", schema));
    }
    return list;
}

static json_t *prompt_arguments(const json_t *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(names); i++)
        json_array_append_new(list, json_pack("{s:O, s:s, s:b}", "name", json_array_get(names, i),
                                              "description", "An argument", "required", 1));
    return list;
}

static char *list_prompts(const struct pyro_mcp_message *request)
{
    json_t *list = json_array();
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(fixture, "prompts"), name, entry)
    {
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o}", "name", name, "description",
                                        "A prompt of the test server", "arguments",
                                        prompt_arguments(json_object_get(entry, "arguments"))));
    }
    return reply_kept(request, json_pack("{s:o}", "prompts", list));
}

static char *list_resources(const struct pyro_mcp_message *request)
{
    const json_t *resources = json_object_get(fixture, "resources");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        json_t *uri = json_object_get(resource, "uri");
        json_array_append_new(list, json_pack("{s:O, s:O, s:s, s:O}", "uri", uri, "name", uri,
                                              "description", "A resource of the test server",
                                              "mimeType", json_object_get(resource, "mimeType")));
    }
    return reply_kept(request, json_pack("{s:o}", "resources", list));
}

static char *list_templates(const struct pyro_mcp_message *request)
{
    const json_t *template = json_object_get(fixture, "template");
    cleanup_free char *uri = NULL;
    if (asprintf(&uri, "%s{id}%s", pyro_json_text(template, "prefix", ""),
                 pyro_json_text(template, "suffix", "")) < 0)
        return NULL;
    json_t *result = json_pack("{s:[{s:s, s:s}]}", "resourceTemplates", "uriTemplate", uri, "name",
                               "A template of the test server");
    return reply_kept(request, result);
}

/* ---- resources ---- */

static json_t *find_resource(const char *uri)
{
    const json_t *resources = json_object_get(fixture, "resources");
    for (size_t i = 0; i < json_array_size(resources); i++) {
        json_t *resource = json_array_get(resources, i);
        if (strcmp(pyro_json_text(resource, "uri", ""), uri) == 0)
            return json_incref(resource);
    }
    return NULL;
}

static json_t *make_resource(const char *uri)
{
    const json_t *template = json_object_get(fixture, "template");
    const char *prefix = pyro_json_text(template, "prefix", "");
    const char *suffix = pyro_json_text(template, "suffix", "");
    size_t before = strlen(prefix), behind = strlen(suffix), size = strlen(uri);
    if (size <= before + behind || strncmp(uri, prefix, before) != 0 ||
        strcmp(uri + size - behind, suffix) != 0)
        return NULL;
    cleanup_json json_t *names = json_pack("{s:s%}", "id", uri + before, size - before - behind);
    cleanup_json json_t *text = fixture_expand(json_object_get(template, "text"), names);
    return json_pack("{s:s, s:O, s:O}", "uri", uri, "mimeType",
                     json_object_get(template, "mimeType"), "text", text);
}

static char *read_resource(const struct pyro_mcp_message *request)
{
    const char *uri = pyro_mcp_text(request->params, "uri");
    json_t *found = uri ? find_resource(uri) : NULL;
    if (uri && !found)
        found = make_resource(uri);
    if (found)
        return reply_kept(request, json_pack("{s:[o]}", "contents", found));
    return pyro_mcp_reply_error(request->id, PYRO_MCP_BAD_PARAMS,
                                json_pack("{s:s}", "uri", uri ? uri : ""), "Resource not found");
}

/* ---- the rest ---- */

static char *complete(const struct pyro_mcp_message *request)
{
    return fixture_reply(request,
                         json_pack("{s:O}", "completion", json_object_get(fixture, "completion")));
}

static char *accept(const struct pyro_mcp_message *request)
{
    return fixture_reply(request, json_object());
}

static const struct {
    const char *method;
    bool in_modern;
    char *(*answer)(const struct pyro_mcp_message *request);
} methods[] = {
    {"prompts/list", true, list_prompts},
    {"resources/list", true, list_resources},
    {"resources/templates/list", true, list_templates},
    {"resources/read", true, read_resource},
    {"completion/complete", true, complete},
    {"logging/setLevel", false, accept},
    {"resources/subscribe", false, accept},
    {"resources/unsubscribe", false, accept},
};

static int find(const struct pyro_mcp_message *request)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (is_method(request, methods[i].method) &&
            (methods[i].in_modern || request->era == PYRO_MCP_LEGACY))
            return (int)i;
    }
    return -1;
}

static bool serves(const struct pyro_mcp_message *request)
{
    if (is_method(request, "tools/call"))
        return fixture_entry(request);
    return is_method(request, "prompts/get") || find(request) >= 0;
}

static char *refuse(const struct pyro_mcp_message *request, int *ret_code)
{
    bool has_entry = is_method(request, "tools/call");
    json_t *needs = has_entry ? json_object_get(fixture_entry(request), "needs") : NULL;
    const json_t *can = json_object_get(request->meta, PYRO_MCP_META_CAPABILITIES);
    const char *capability = json_object_iter_key(json_object_iter(needs));
    if (request->era == PYRO_MCP_LEGACY || !capability || json_object_get(can, capability))
        return NULL;
    *ret_code = MISSING_CAPABILITY;
    return pyro_mcp_reply_error(request->id, MISSING_CAPABILITY,
                                json_pack("{s:O}", "requiredCapabilities", needs),
                                "The client cannot do what this tool needs");
}

static char *answer(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call)
{
    int method = find(request);
    return method < 0 ? fixture_answer(request, call) : methods[method].answer(request);
}

static json_t *capabilities(enum pyro_mcp_era era)
{
    if (era == PYRO_MCP_MODERN)
        return json_pack("{s:{}, s:{}, s:{}}", "prompts", "resources", "completions");
    return json_pack("{s:{}, s:{s:b}, s:{}, s:{}}", "prompts", "resources", "subscribe", 1,
                     "completions", "logging");
}

static int serve(const struct pyro_mcp_options *options, const char *address,
                 struct pyro_error *error)
{
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    int stop_fd = signalfd(-1, &end, SFD_CLOEXEC);
    const struct pyro_mcp_http_options http = {.address = address};
    return address ? pyro_mcp_serve_http_here(options, &http, stop_fd, error)
                   : pyro_mcp_serve_stdio(options, stop_fd, error);
}

int main(int argc, char **argv)
{
    static const struct pyro_mcp_extra extra = {
        capabilities, list_tools, serves, refuse, answer, fixture_hear,
    };
    const struct pyro_mcp_options options = {.tools = "all", .extra = &extra};
    struct pyro_error error = PYRO_ERROR_INIT;
    fixture = argc > 1 ? json_load_file(argv[1], 0, NULL) : NULL;
    if (!fixture || fixture_rounds_init() < 0 || serve(&options, argv[2], &error) < 0) {
        fprintf(stderr, "fixture-server: %s\n", fixture ? error.message : "no fixture");
        return 1;
    }
    json_decref(fixture);
    return 0;
}
