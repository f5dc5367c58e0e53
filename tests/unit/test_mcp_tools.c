/* The tools as clients are told of them: every name of the contract, schemas that hold what they
 * promise; and results as models get them. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "mcp/progress.h"
#include "mcp/shorten.h"
#include "mcp/tools.h"
#include "mcp/words.h"
#include "tap.h"

static const char *const contract[] = {
    "vm_run",           "vm_list_environments",
    "vm_create",        "vm_start",
    "vm_exec",          "vm_stop",
    "vm_delete",        "vm_status",
    "vm_network_info",  "vm_reap_expired",
    "workspace_create", "workspace_sync_push",
    "workspace_exec",   "workspace_export",
    "workspace_diff",   "service_start",
    "service_list",     "service_status",
    "service_logs",     "service_stop",
    "shell_open",       "shell_read",
    "shell_write",      "shell_signal",
    "shell_close",      "workspace_status",
    "workspace_logs",   "workspace_delete",
};

static void test_names(void)
{
    cleanup_json json_t *all = pyro_mcp_tools_to_json("all"), *vm = pyro_mcp_tools_to_json("vm");
    cleanup_json json_t *workspace = pyro_mcp_tools_to_json("workspace");
    for (size_t i = 0; i < ARRAY_SIZE(contract); i++)
        ok(pyro_mcp_tool_find(contract[i], "all") != NULL, "%s is there", contract[i]);
    is_int(json_array_size(all), ARRAY_SIZE(contract), "and no other");
    is_int(json_array_size(vm), 10, "tools of VMs");
    is_int(json_array_size(workspace), 19, "tools of workspaces, and the list of environments");
    ok(!pyro_mcp_tool_find("workspace_exec", "vm"), "what is not offered is not found");
    ok(!pyro_mcp_tool_find("env_pull", "all"), "an operation that is no tool");
    ok(!pyro_mcp_tool_find("", "all"), "no name");
}

static bool complain(const char *path, const char *problem)
{
    printf("# %s: %s\n", path, problem);
    return false;
}

static bool is_good(const char *path, const json_t *schema);

static bool are_good(const char *path, const json_t *schemas)
{
    size_t index;
    json_t *member;
    bool good = true;
    json_array_foreach((json_t *)schemas, index, member) good = is_good(path, member) && good;
    return good;
}

static bool has_good_properties(const char *path, const json_t *properties)
{
    const char *name;
    json_t *member;
    bool good = true;
    json_object_foreach((json_t *)properties, name, member)
    {
        cleanup_free char *below = pyro_text_format("%s.%s", path, name);
        if (!*pyro_json_text(member, "description", "") && strcmp(name, "type") != 0)
            good = complain(below, "no description");
        good = is_good(below, member) && good;
    }
    return good;
}

/* Every value has a type, or forms that have one; nothing has several. */
static bool is_good(const char *path, const json_t *schema)
{
    size_t index;
    json_t *name;
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *forms = json_object_get(schema, "anyOf"),
                 *items = json_object_get(schema, "items");
    forms = forms ? forms : json_object_get(schema, "oneOf");
    bool good = has_good_properties(path, properties) && are_good(path, forms);
    if (!json_is_string(json_object_get(schema, "type")) && json_array_size(forms) < 2)
        good = complain(path, "no type");
    json_array_foreach(json_object_get(schema, "required"), index, name)
    {
        if (!json_object_get(properties, json_string_value(name)))
            good = complain(path, "something is required that is not described");
    }
    return (!items || is_good(path, items)) && good;
}

static void check_tool(const json_t *tool)
{
    const char *name = pyro_json_text(tool, "name", "");
    const char *description = pyro_json_text(tool, "description", "");
    const json_t *input = json_object_get(tool, "inputSchema");
    const json_t *annotations = json_object_get(tool, "annotations");
    ok(strlen(name) <= 64 && name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0',
       "%s: a name for every client", name);
    ok(strlen(description) < 1000, "%s: a description that is not cut", name);
    ok(strncmp(description, "Use this ", 9) == 0, "%s: it says when to use it", name);
    ok(*pyro_json_text(tool, "title", ""), "%s: a title", name);
    ok(json_is_false(json_object_get(input, "additionalProperties")), "%s: nothing else", name);
    is_int(json_object_size(annotations), 5, "a title and four hints");
    ok(!json_is_true(json_object_get(annotations, "readOnlyHint")) ||
           !json_is_true(json_object_get(annotations, "destructiveHint")),
       "%s: what only reads destroys nothing", name);
    ok(is_good(name, input), "%s: a schema of its arguments", name);
    ok(is_good(name, json_object_get(tool, "outputSchema")), "%s: one of its result", name);
}

static const json_t *property(const json_t *tool, const char *name)
{
    const json_t *input = json_object_get(tool, "inputSchema");
    return json_object_get(json_object_get(input, "properties"), name);
}

static const json_t *find(const json_t *tools, const char *name)
{
    size_t index;
    json_t *tool;
    json_array_foreach((json_t *)tools, index, tool)
    {
        if (strcmp(pyro_json_text(tool, "name", ""), name) == 0)
            return tool;
    }
    return NULL;
}

static void test_schemas(void)
{
    cleanup_json json_t *tools = pyro_mcp_tools_to_json("all");
    size_t index;
    json_t *tool;
    json_array_foreach(tools, index, tool) check_tool(tool);
    const json_t *run = find(tools, "vm_run"), *start = find(tools, "service_start");
    is_int(pyro_json_integer(property(run, "vcpu_count"), "default", 0), 1, "a default");
    is_int(pyro_json_integer(property(run, "vcpu_count"), "maximum", 0), 64, "a limit");
    is_int(json_array_size(json_object_get(property(run, "command"), "anyOf")), 2,
           "a command is text or words");
    is_int(json_array_size(json_object_get(property(start, "readiness"), "oneOf")), 4,
           "four kinds of readiness");
    ok(!property(find(tools, "service_logs"), "follow"), "what only a terminal has is left out");
    const json_t *write = json_object_get(find(tools, "shell_write"), "inputSchema");
    is_int(json_array_size(json_object_get(write, "required")), 3, "nobody redirects input here");
}

static json_t *shorten(json_t *result)
{
    json_t *shortened = pyro_mcp_shorten(result, "ask again");
    json_decref(result);
    return shortened;
}

static void test_nulls(void)
{
    cleanup_json json_t *result =
        shorten(json_pack("{s:n, s:{s:n, s:i}, s:[{s:n}]}", "a", "b", "c", "d", 1, "e", "f"));
    cleanup_free char *text = json_dumps(result, JSON_COMPACT);
    is_text(text, "{\"b\":{\"d\":1},\"e\":[{}]}", "what is null is left out");
}

/* Two bytes each, so that a cut in the middle of one would show. */
static json_t *umlauts(size_t count)
{
    cleanup_free char *text = malloc(2 * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + 2 * i, "ä", 2);
    return json_stringn(text, 2 * count);
}

static void test_strings(void)
{
    cleanup_json json_t *result =
        shorten(json_pack("{s:o, s:i, s:b, s:o}", "stdout", umlauts(20001), "stdout_bytes", 100000,
                          "stdout_truncated", 0, "stderr", umlauts(PYRO_MCP_STRING_MAX / 2)));
    const char *text = pyro_json_text(result, "stdout", "");
    size_t size = strlen(text);
    ok(size > PYRO_MCP_STRING_MAX && size < PYRO_MCP_STRING_MAX + 100, "head, a line, tail");
    is_int(pyro_text_valid(text, size), size, "cut between characters");
    ok(strstr(text, "\n[pyro: 83616 bytes left out here; ask again]\n") != NULL, "and says so");
    ok(pyro_json_boolean(result, "stdout_truncated", false), "the flag says so too");
    is_int(strlen(pyro_json_text(result, "stderr", "")), PYRO_MCP_STRING_MAX, "what fits stays");
    cleanup_json json_t *logs = shorten(
        json_pack("{s:b, s:o, s:s}", "truncated", 0, "stdout", umlauts(20001), "stderr", "short"));
    ok(pyro_json_boolean(logs, "truncated", false), "a flag for all of them says so too");
}

static void test_lists(void)
{
    json_t *entries = json_array();
    for (int i = 0; i < 300; i++)
        json_array_append_new(entries, json_pack("{s:o}", "stdout", umlauts(20000)));
    cleanup_json json_t *result = shorten(json_pack("{s:o}", "entries", entries));
    cleanup_free char *text = json_dumps(result, JSON_COMPACT);
    is_int(json_array_size(json_object_get(result, "entries")), PYRO_MCP_LIST_MAX, "a long list");
    is_int(pyro_json_integer(result, "entries_left_out", 0), 100, "says what is missing");
    ok(strlen(text) < 100000, "and its strings share the room");
}

static void is_progress(struct pyro_mcp_progress *progress, const char *wanted, const char *name)
{
    cleanup_free char *text = pyro_mcp_progress_text(progress);
    is_text(text, wanted, name);
}

static void output(struct pyro_mcp_progress *progress, const char *text)
{
    pyro_mcp_progress_output(progress, text, strlen(text));
}

static void test_progress(void)
{
    struct pyro_mcp_progress progress = {0};
    const struct pyro_progress step = {"pull", "packages", "hello\n\033[1mworld", 1, 4};
    is_progress(&progress, "", "nothing yet");
    output(&progress, "one\ntwo \033[31mred\033[0m\xff\n \n");
    is_progress(&progress, "two red\xef\xbf\xbd", "the last line that says something");
    output(&progress, "thr");
    output(&progress, "ee");
    is_progress(&progress, "three", "in parts");
    pyro_mcp_progress_step(&progress, &step);
    is_progress(&progress, "world", "a step, one line of it");
    cleanup_free char *long_line = calloc(1, 5001);
    memset(long_line, 'x', 5000);
    output(&progress, long_line);
    cleanup_free char *text = pyro_mcp_progress_text(&progress);
    is_int(strlen(text), PYRO_MCP_PROGRESS_CHARS, "no more than people read");
}

static void is_said(const char *text, const char *wanted)
{
    cleanup_free char *words = pyro_mcp_tool_words(text);
    is_text(words, wanted, text);
}

static void test_words(void)
{
    is_said("", "");
    is_said("pyro ", "pyro ");
    is_said("`pyro workspace create` makes one", "`workspace_create` makes one");
    is_said("see pyro run, or pyro env list", "see vm_run, or vm_list_environments");
    is_said("pyro runs; `pyro doctor` and `pyro mcp serve`",
            "pyro runs; `pyro doctor` and `pyro mcp "
            "serve`");
    is_said("pyro pyro run \xff", "pyro vm_run \xef\xbf\xbd");
}

int main(void)
{
    test_words();
    test_names();
    test_schemas();
    test_nulls();
    test_strings();
    test_lists();
    test_progress();
    return tap_done();
}
