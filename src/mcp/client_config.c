/* What follows is each client's own form. Their limits on time are raised where the file can do it:
 * a first pull takes minutes. */
#include "mcp/client_config.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { CALL_SECONDS = 600 };

static const json_t *program(const struct pyro_mcp_launch *launch)
{
    return json_array_get(launch->command, 0);
}

/* The words behind the program. */
static json_t *arguments(const struct pyro_mcp_launch *launch)
{
    json_t *rest = json_deep_copy(launch->command);
    json_array_remove(rest, 0);
    return rest;
}

/* `value` is taken over. To be freed. */
static char *to_text(json_t *value, size_t layout)
{
    cleanup_json json_t *taken = value;
    return taken ? json_dumps(taken, layout | JSON_ENCODE_ANY) : NULL;
}

static char *to_document(json_t *value)
{
    cleanup_free char *text = to_text(value, JSON_INDENT(2));
    return text ? pyro_text_format("%s\n", text) : NULL;
}

/* ---- JSON ---- */

static json_t *command_and_environment(const struct pyro_mcp_launch *launch)
{
    return json_pack("{s:O, s:o, s:O}", "command", program(launch), "args", arguments(launch),
                     "env", launch->environment);
}

/* A member in front of the others, for whoever reads the file. */
static json_t *with_first(const char *name, const char *text, json_t *others)
{
    json_t *object = json_pack("{s:s}", name, text);
    cleanup_json json_t *taken = others;
    if (!object || json_object_update(object, taken) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static char *make_claude_code(const struct pyro_mcp_launch *launch)
{
    json_t *server = with_first("type", "stdio", command_and_environment(launch));
    if (server)
        json_object_set_new(server, "timeout", json_integer(CALL_SECONDS * 1000));
    return to_document(json_pack("{s:{s:o}}", "mcpServers", "pyro", server));
}

static char *make_claude_desktop(const struct pyro_mcp_launch *launch)
{
    return to_document(
        json_pack("{s:{s:o}}", "mcpServers", "pyro", command_and_environment(launch)));
}

static char *make_cursor(const struct pyro_mcp_launch *launch)
{
    return to_document(json_pack("{s:{s:o}}", "mcpServers", "pyro",
                                 with_first("type", "stdio", command_and_environment(launch))));
}

static char *make_vscode(const struct pyro_mcp_launch *launch)
{
    return to_document(json_pack("{s:{s:o}}", "servers", "pyro",
                                 with_first("type", "stdio", command_and_environment(launch))));
}

static char *make_zed(const struct pyro_mcp_launch *launch)
{
    return to_document(json_pack("{s:{s:o}}", "context_servers", "pyro",
                                 with_first("source", "custom", command_and_environment(launch))));
}

static char *make_opencode(const struct pyro_mcp_launch *launch)
{
    return to_document(json_pack("{s:{s:{s:s, s:O, s:b, s:O, s:i}}}", "mcp", "pyro", "type",
                                 "local", "command", launch->command, "enabled", 1, "environment",
                                 launch->environment, "timeout", CALL_SECONDS * 1000));
}

/* ---- others: a JSON string is a string there too, and so is a JSON array of them ---- */

/* An object as TOML's inline table. To be freed. */
static char *to_inline_table(const json_t *object)
{
    char *table = strdup("");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        cleanup_free char *before = table;
        cleanup_free char *text = to_text(json_incref(value), 0);
        table = before && text
                    ? pyro_text_format("%s%s %s = %s", before, *before ? "," : "", name, text)
                    : NULL;
    }
    cleanup_free char *members = table;
    return members ? pyro_text_format("{%s }", members) : NULL;
}

static char *make_codex(const struct pyro_mcp_launch *launch)
{
    cleanup_free char *command = to_text(json_incref((json_t *)program(launch)), 0);
    cleanup_free char *words = to_text(arguments(launch), 0);
    cleanup_free char *environment = to_inline_table(launch->environment);
    if (!command || !words || !environment)
        return NULL;
    bool needs_none = json_object_size(launch->environment) == 0;
    return pyro_text_format("[mcp_servers.pyro]\n"
                            "command = %s\n"
                            "args = %s\n"
                            "%s%s%s"
                            "tool_timeout_sec = %d\n",
                            command, words,
                            needs_none ? "" : "env = ", needs_none ? "" : environment,
                            needs_none ? "" : "\n", CALL_SECONDS);
}

static char *make_goose(const struct pyro_mcp_launch *launch)
{
    cleanup_free char *command = to_text(json_incref((json_t *)program(launch)), 0);
    cleanup_free char *words = to_text(arguments(launch), 0);
    cleanup_free char *environment = to_text(json_incref((json_t *)launch->environment), 0);
    if (!command || !words || !environment)
        return NULL;
    return pyro_text_format("extensions:\n"
                            "  pyro:\n"
                            "    type: stdio\n"
                            "    name: pyro\n"
                            "    cmd: %s\n"
                            "    args: %s\n"
                            "    enabled: true\n"
                            "    envs: %s\n"
                            "    timeout: %d\n",
                            command, words, environment, CALL_SECONDS);
}

static const struct pyro_mcp_client clients[] = {
    {"claude-code", "json", ".mcp.json in the project's directory", "\"mcpServers\"",
     "claude mcp list", make_claude_code},
    {"claude-desktop", "json", "claude_desktop_config.json (Settings, Developer, Edit Config)",
     "\"mcpServers\"", "restart it; the tools are listed below the message box",
     make_claude_desktop},
    {"cursor", "json", ".cursor/mcp.json in the project, or ~/.cursor/mcp.json", "\"mcpServers\"",
     "Cursor Settings, MCP: pyro has a green dot", make_cursor},
    {"vscode", "json", ".vscode/mcp.json in the project", "\"servers\"",
     "the command MCP: List Servers", make_vscode},
    {"codex", "toml", "~/.codex/config.toml", "the end of the file", "codex mcp list", make_codex},
    {"zed", "json", "~/.config/zed/settings.json", "\"context_servers\"",
     "the settings of the Agent Panel: pyro has a green dot", make_zed},
    {"goose", "yaml", "~/.config/goose/config.yaml", "extensions:", "goose info -v", make_goose},
    {"opencode", "json", "opencode.json in the project, or ~/.config/opencode/opencode.json",
     "\"mcp\"", "opencode mcp list", make_opencode},
};

const struct pyro_mcp_client *pyro_mcp_client_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        if (strcmp(clients[i].name, name) == 0)
            return &clients[i];
    }
    return NULL;
}

char *pyro_mcp_client_snippet(const struct pyro_mcp_client *client,
                              const struct pyro_mcp_launch *launch)
{
    return client->make(launch);
}
