/* Results of the workspace_* operations for people. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "cli/render.h"

void cli_render_workspace_create(const json_t *result)
{
    const char *id = cli_text(result, "workspace_id");
    const json_t *seed = json_object_get(result, "workspace_seed");
    int64_t entries = pyro_json_integer(seed, "entry_count", 0);
    cli_print(stdout, "%s\n", id);
    cli_print(stdout, "%s, %s, %s", cli_text(result, "environment"), cli_text(result, "isolation"),
              entries > 0 ? "" : "/workspace is empty");
    if (entries > 0)
        cli_print(stdout, "%" PRId64 " entries in /workspace", entries);
    cli_print(stdout,
              "\n\nNext:\n"
              "  pyro workspace exec %s -- ls -la\n"
              "  pyro workspace diff %s\n"
              "  pyro workspace delete %s\n",
              id, id, id);
}

void cli_render_workspace_status(const json_t *result)
{
    const json_t *seed = json_object_get(result, "workspace_seed");
    const json_t *last = json_object_get(result, "last_command");
    cli_print(stdout, "%s  %s\n", cli_text(result, "workspace_id"), cli_text(result, "state"));
    if (*cli_text(result, "failure"))
        cli_print(stdout, "  why         %s\n", cli_text(result, "failure"));
    cli_print(stdout, "  guest       %s, %" PRId64 " vCPU, %" PRId64 " MiB, %s, network %s\n",
              cli_text(result, "environment"), pyro_json_integer(result, "vcpu_count", 0),
              pyro_json_integer(result, "mem_mib", 0), cli_text(result, "isolation"),
              pyro_json_boolean(result, "network_enabled", false) ? "on" : "off");
    cli_print(stdout, "  created     ");
    cli_print_time(json_object_get(result, "created_at"));
    cli_print(stdout, "\n  ends        ");
    cli_print_time(json_object_get(result, "expires_at"));
    cli_print(stdout, ", if it is not used before\n  seed        %s%s%s, %" PRId64 " entries, ",
              cli_text(seed, "mode"), *cli_text(seed, "seed_path") ? " " : "",
              cli_text(seed, "seed_path"), pyro_json_integer(seed, "entry_count", 0));
    cli_print_size("", seed, "bytes_written");
    cli_print(stdout, "\n  commands    %" PRId64, pyro_json_integer(result, "command_count", 0));
    if (json_is_object(last) && json_is_integer(json_object_get(last, "exit_code")))
        cli_print(stdout, ", the last: %s (exit status %" PRId64 ")", cli_text(last, "command"),
                  pyro_json_integer(last, "exit_code", 0));
    else if (json_is_object(last))
        cli_print(stdout, ", the last: %s", cli_text(last, "command"));
    cli_print(stdout, "\n  services    %" PRId64 ", %" PRId64 " running\n  shells      %" PRId64,
              pyro_json_integer(result, "service_count", 0),
              pyro_json_integer(result, "running_service_count", 0),
              pyro_json_integer(result, "shell_count", 0));
    size_t index;
    const json_t *shell;
    json_array_foreach(json_object_get(result, "running_shell_ids"), index, shell)
        cli_print(stdout, "%s%s", index ? " " : ", open: ", json_string_value(shell));
    cli_print(stdout, "\n");
}

static void render_log(const json_t *entry)
{
    static const char *const streams[] = {"stdout", "stderr"};
    const json_t *code = json_object_get(entry, "exit_code");
    cli_print(stdout, "#%" PRId64 "  ", pyro_json_integer(entry, "sequence", 0));
    cli_print_time(json_object_get(entry, "started_at"));
    if (json_is_integer(code))
        cli_print(stdout, "  exit status %" JSON_INTEGER_FORMAT "%s, %.2f s",
                  json_integer_value(code),
                  pyro_json_boolean(entry, "timed_out", false) ? " (the time limit)" : "",
                  pyro_json_real(entry, "duration_ms", 0) / 1000);
    else
        cli_print(stdout, "  %s", cli_text(entry, "state"));
    cli_print(stdout, "\n$ %s\n", cli_text(entry, "command"));
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        const char *output = cli_text(entry, streams[i]);
        size_t length = strlen(output);
        if (length == 0)
            continue;
        cli_print(stdout, "%s%s%s", i ? "(stderr)\n" : "", output,
                  output[length - 1] == '\n' ? "" : "\n");
    }
}

void cli_render_workspace_logs(const json_t *result)
{
    size_t index;
    const json_t *entry;
    if (pyro_json_integer(result, "count", 0) == 0)
        cli_print(stdout, "no command was run yet\n");
    json_array_foreach(json_object_get(result, "entries"), index, entry)
    {
        cli_print(stdout, index ? "\n" : "");
        render_log(entry);
    }
}

void cli_render_workspace_delete(const json_t *result)
{
    cli_print(stdout, "%s is deleted\n", cli_text(result, "workspace_id"));
}

void cli_render_workspace_sync_push(const json_t *result)
{
    const json_t *sync = json_object_get(result, "workspace_sync");
    cli_print(stdout, "%" PRId64 " entries, ", pyro_json_integer(sync, "entry_count", 0));
    cli_print_size("", sync, "bytes_written");
    cli_print(stdout, ", from %s to %s\n", cli_text(sync, "source_path"),
              cli_text(sync, "destination"));
}

void cli_render_workspace_export(const json_t *result)
{
    size_t index;
    const json_t *entry;
    cli_print(stdout, "%s: %s, %" PRId64 " entries, ", cli_text(result, "output_path"),
              cli_text(result, "artifact_type"), pyro_json_integer(result, "entry_count", 0));
    cli_print_size("", result, "bytes_written");
    cli_print(stdout, "\n");
    json_array_foreach(json_object_get(result, "skipped"), index, entry)
    {
        cli_print(stderr, "pyro: left out %s: %s\n", cli_text(entry, "path"),
                  cli_text(entry, "reason"));
    }
}

/* The patch was shown already; this goes to stderr, so that the patch can be piped on. */
void cli_render_workspace_diff(const json_t *result)
{
    const json_t *summary = json_object_get(result, "summary");
    size_t index;
    const json_t *entry;
    fflush(stdout);
    json_array_foreach(json_object_get(result, "entries"), index, entry)
    {
        if (json_is_null(json_object_get(entry, "text_patch")))
            cli_print(stderr, "%-12s %s (%s)\n", cli_text(entry, "status"), cli_text(entry, "path"),
                      *cli_text(entry, "reason") ? cli_text(entry, "reason")
                                                 : cli_text(entry, "artifact_type"));
    }
    if (!pyro_json_boolean(result, "changed", false)) {
        cli_print(stderr, "nothing has changed\n");
        return;
    }
    cli_print(stderr,
              "%" PRId64 " changed: %" PRId64 " added, %" PRId64 " modified, %" PRId64
              " deleted, %" PRId64 " of another type\n",
              pyro_json_integer(summary, "total", 0), pyro_json_integer(summary, "added", 0),
              pyro_json_integer(summary, "modified", 0), pyro_json_integer(summary, "deleted", 0),
              pyro_json_integer(summary, "type_changed", 0));
}

static const char *patch_colour(const char *line, size_t length)
{
    static const struct {
        const char *start, *colour;
    } colours[] = {
        {"+++ ", "\033[1m"}, {"--- ", "\033[1m"}, {"diff ", "\033[1m"},
        {"@@ ", "\033[36m"}, {"+", "\033[32m"},   {"-", "\033[31m"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(colours); i++) {
        size_t size = strlen(colours[i].start);
        if (length >= size && strncmp(line, colours[i].start, size) == 0)
            return colours[i].colour;
    }
    return "";
}

void cli_render_patch(const char *patch, size_t size)
{
    const char *at = patch, *end = patch + size;
    bool colours = cli_shows_colour(stdout);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline ? (size_t)(newline - at) : (size_t)(end - at);
        fputs(colours ? patch_colour(at, length) : "", stdout);
        cli_print(stdout, "%.*s", (int)length, at);
        fputs(colours ? "\033[0m\n" : "\n", stdout);
        at += length + 1;
    }
}
