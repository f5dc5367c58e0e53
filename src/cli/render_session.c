/* Results of the service_* and shell_* operations for people. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "cli/render.h"

static double seconds_between(const json_t *service, const char *from, const char *to)
{
    return pyro_json_real(service, to, 0) - pyro_json_real(service, from, 0);
}

static void print_exit_code(const json_t *service)
{
    const json_t *code = json_object_get(service, "exit_code");
    if (json_is_integer(code))
        cli_print(stdout, ", exit status %" JSON_INTEGER_FORMAT, json_integer_value(code));
}

void cli_render_service_start(const json_t *result)
{
    bool waited = json_is_object(json_object_get(result, "readiness"));
    cli_print(stdout, "%s is running (pid %" PRId64 ")", cli_text(result, "service_name"),
              pyro_json_integer(result, "pid", 0));
    if (waited)
        cli_print(stdout, ", ready after %.2f s",
                  seconds_between(result, "started_at", "ready_at"));
    cli_print(stdout, "\n");
}

void cli_render_service_list(const json_t *result)
{
    const json_t *list = json_object_get(result, "services"), *service;
    size_t index;
    int width = (int)strlen("NAME");
    json_array_foreach((json_t *)list, index, service) width =
        MAX(width, (int)strlen(cli_text(service, "service_name")));
    if (json_array_size(list) == 0) {
        cli_print(stdout, "no service was started yet\n");
        return;
    }
    cli_print(stdout, "%-*s  STATE     EXIT  COMMAND\n", width, "NAME");
    json_array_foreach((json_t *)list, index, service)
    {
        const json_t *code = json_object_get(service, "exit_code");
        char exit_code[24] = "-";
        if (json_is_integer(code))
            snprintf(exit_code, sizeof(exit_code), "%" JSON_INTEGER_FORMAT,
                     json_integer_value(code));
        cli_print(stdout, "%-*s  %-8s  %-4s  %s\n", width, cli_text(service, "service_name"),
                  cli_text(service, "state"), exit_code, cli_text(service, "command"));
    }
}

static void print_moment(const char *label, const json_t *service, const char *key)
{
    if (!json_is_real(json_object_get(service, key)))
        return;
    cli_print(stdout, "  %-10s", label);
    cli_print_time(json_object_get(service, key));
    cli_print(stdout, "\n");
}

void cli_render_service_status(const json_t *result)
{
    const json_t *readiness = json_object_get(result, "readiness");
    cli_print(stdout, "%s  %s", cli_text(result, "service_name"), cli_text(result, "state"));
    print_exit_code(result);
    cli_print(stdout, "\n");
    if (*cli_text(result, "stop_reason"))
        cli_print(stdout, "  why       %s\n", cli_text(result, "stop_reason"));
    cli_print(stdout, "  command   %s\n  cwd       %s\n", cli_text(result, "command"),
              cli_text(result, "cwd"));
    if (json_is_object(readiness)) {
        cleanup_free char *text = json_dumps(readiness, JSON_COMPACT);
        cli_print(stdout, "  ready by  %s\n", text ? text : "");
    }
    print_moment("started", result, "started_at");
    print_moment("ready", result, "ready_at");
    print_moment("ended", result, "ended_at");
}

void cli_render_service_stop(const json_t *result)
{
    const char *name = cli_text(result, "service_name");
    bool by_itself = strcmp(cli_text(result, "state"), "stopped") != 0;
    if (pyro_json_boolean(result, "was_running", false))
        cli_print(stdout, "%s is stopped", name);
    else if (by_itself)
        cli_print(stdout, "%s had ended before: %s", name, cli_text(result, "stop_reason"));
    else
        cli_print(stdout, "%s was stopped before", name);
    print_exit_code(result);
    cli_print(stdout, "\n");
}

void cli_render_shell_open(const json_t *result)
{
    const char *workspace = cli_text(result, "workspace_id"), *shell = cli_text(result, "shell_id");
    cli_print(stdout,
              "%s\n\nNext:\n"
              "  pyro workspace shell attach %s %s\n"
              "  pyro workspace shell write %s %s --input 'ls -la'\n"
              "  pyro workspace shell read %s %s --wait-for-idle-ms 300\n",
              shell, workspace, shell, workspace, shell, workspace, shell);
}

/* What it showed went to stdout as it is; this is for whoever reads on. */
void cli_render_shell_read(const json_t *result)
{
    int64_t lost = pyro_json_integer(result, "lost_chars", 0);
    int64_t next = pyro_json_integer(result, "next_cursor", 0);
    bool is_cut = pyro_json_boolean(result, "truncated", false) &&
                  next < pyro_json_integer(result, "end_cursor", 0);
    fflush(stdout);
    if (lost > 0)
        cli_print(stderr, "pyro: %" PRId64 " characters before that are not kept any more\n", lost);
    cli_print(stderr, "pyro: %s, go on with --cursor %" PRId64 "%s\n", cli_text(result, "state"),
              next, is_cut ? " (there is more)" : "");
}

void cli_render_shell_write(const json_t *result)
{
    cli_print(stdout, "typed %" PRId64 " bytes%s\n", pyro_json_integer(result, "input_length", 0),
              pyro_json_boolean(result, "append_newline", true) ? " and a newline" : "");
}

void cli_render_shell_signal(const json_t *result)
{
    cli_print(stdout, "sent SIG%s to %s\n", cli_text(result, "signal"),
              cli_text(result, "shell_id"));
}

void cli_render_shell_resize(const json_t *result)
{
    cli_print(stdout, "%s is %" PRId64 "x%" PRId64 " now\n", cli_text(result, "shell_id"),
              pyro_json_integer(result, "cols", 0), pyro_json_integer(result, "rows", 0));
}

void cli_render_shell_close(const json_t *result)
{
    cli_print(stdout, "%s is closed", cli_text(result, "shell_id"));
    print_exit_code(result);
    cli_print(stdout, "\n");
}
