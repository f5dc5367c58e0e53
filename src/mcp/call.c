#include "mcp/call.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "mcp/reply.h"
#include "mcp/schema.h"
#include "mcp/shorten.h"
#include "mcp/words.h"
#include "operation/problems.h"

/* How to get what was cut out of a result. */
static const struct {
    const char *tool, *rest;
} rests[] = {
    {"vm_run", "run it again and let grep, head or tail show what is of interest"},
    {"vm_exec", "next time let grep, head or tail show what is of interest"},
    {"workspace_exec", "write it to a file in /workspace and read parts of that"},
    {"workspace_logs", "stdout_path and stderr_path are files of the host with the whole"},
    {"workspace_diff", "run diff or git diff on single files with workspace_exec"},
    {"service_logs", "ask for fewer lines with tail_lines"},
};

static const char *find_rest(const struct pyro_operation *tool)
{
    for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
        if (strcmp(rests[i].tool, tool->mcp) == 0)
            return rests[i].rest;
    }
    return "it is too long to be shown whole";
}

/* `structured` is taken over. Text for clients that know no structure holds the same: some show
 * their model the one, some the other. An error has the text alone: there are clients that compare
 * any structure with the tool's output schema, and then show the difference instead of the error.
 */
static json_t *make_result(enum pyro_mcp_era era, json_t *structured, bool is_error)
{
    cleanup_json json_t *taken = structured;
    cleanup_free char *text = taken ? pyro_mcp_dump(taken) : NULL;
    if (!text)
        return NULL;
    cleanup_json json_t *result =
        json_pack("{s:[{s:s, s:s}]}", "content", "type", "text", "text", text);
    int r = is_error ? json_object_set_new(result, "isError", json_true())
                     : json_object_set(result, "structuredContent", taken);
    return r == 0 && pyro_mcp_result_complete(era, result) == 0 ? steal_pointer(&result) : NULL;
}

/* NULL: there is none. */
static json_t *words(const char *text)
{
    cleanup_free char *translated = *text ? pyro_mcp_tool_words(text) : NULL;
    return translated ? json_string(translated) : NULL;
}

static json_t *error_to_json(const struct pyro_error *error)
{
    return json_pack("{s:{s:s, s:o*, s:o*, s:o*}}", "error", "code", pyro_error_name(error->code),
                     "message", words(error->message), "hint", words(error->hint), "field",
                     words(error->field));
}

/* What a tool does not take though the operation does. */
static void add_problems(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
                         const json_t *arguments, struct pyro_problems *problems)
{
    for (const struct pyro_parameter *p = tool->parameters; p->name; p++) {
        if (!pyro_mcp_has_parameter(p) && json_object_get(arguments, p->name))
            pyro_problems_add(problems, p->name, "there is no parameter '%s'", p->name);
    }
    if (!options->allow_host_compat &&
        json_is_true(json_object_get(arguments, "allow_host_compat")))
        pyro_problems_add(problems, "allow_host_compat",
                          "allow_host_compat is not allowed by this server (whoever starts it can: "
                          "pyro mcp serve --allow-host-compat), leave it out");
}

/* All that is wrong with the arguments, in one error. */
static int check(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
                 const json_t *arguments, struct pyro_error *error)
{
    struct pyro_problems problems = {0};
    cleanup_json json_t *complete =
        pyro_parameters_complete(tool, arguments, PYRO_NAMING_MEMBERS, &problems);
    add_problems(options, tool, arguments, &problems);
    int r = pyro_problems_report(&problems, tool->mcp,
                                 "correct all of them and call again; the tool's input schema has "
                                 "the names, types and limits",
                                 error);
    pyro_problems_finish(&problems);
    return r == 0 && !complete ? pyro_error_no_memory(error) : r;
}

/* What the argument that is a path of this host leads to. A descriptor, -1: there is no such
 * argument, or -2 and an error. */
static int open_host_path(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
                          const json_t *arguments, struct pyro_error *error)
{
    const struct pyro_parameter *parameter = tool->parameters;
    while (parameter->name && parameter->host_path == PYRO_NO_HOST_PATH)
        parameter++;
    const char *path = parameter->name ? pyro_json_text(arguments, parameter->name, NULL) : NULL;
    if (!path)
        return -1;
    int fd = pyro_mcp_path_open(options->paths, path, parameter->host_path, parameter->name, error);
    return fd < 0 ? -2 : fd;
}

static int run(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
               const json_t *arguments, const struct pyro_observer *observer, json_t **ret_result,
               struct pyro_error *error)
{
    struct pyro_context *context = NULL;
    cleanup_close int host_fd = open_host_path(options, tool, arguments, error);
    if (host_fd < -1 || pyro_open(NULL, &context, error) < 0)
        return -1;
    context->host_fd = host_fd;
    context->host_left_out = pyro_mcp_secrets;
    context->spares = options->spares;
    context->string_max = PYRO_MCP_STRING_MAX;
    int r = pyro_operation_call(context, tool, arguments, observer, ret_result, error);
    pyro_close(context);
    return r;
}

json_t *pyro_mcp_call(const struct pyro_mcp_options *options, const struct pyro_operation *tool,
                      const json_t *arguments, enum pyro_mcp_era era,
                      const struct pyro_observer *observer)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    cleanup_json json_t *result = NULL;
    int r = check(options, tool, arguments, &error);
    if (r == 0)
        r = run(options, tool, arguments, observer, &result, &error);
    if (r < 0)
        return make_result(era, error_to_json(&error), true);
    return make_result(era, pyro_mcp_shorten(result, find_rest(tool)), false);
}
