/* Results for people. An operation without a form of its own shows its members line by line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/render.h"

const char *cli_text(const json_t *object, const char *key)
{
    return pyro_json_text(object, key, "");
}

void cli_print_size(const char *label, const json_t *object, const char *key)
{
    double bytes = (double)pyro_json_integer(object, key, 0);
    if (bytes >= 1024.0 * 1024 * 1024)
        cli_print(stdout, "%s%.1f GiB", label, bytes / 1024 / 1024 / 1024);
    else
        cli_print(stdout, "%s%.1f MiB", label, bytes / 1024 / 1024);
}

static const char *installed_word(const json_t *entry)
{
    if (pyro_json_boolean(entry, "installed", false))
        return "yes";
    return pyro_json_text(entry, "problem", NULL) ? "damaged" : "no";
}

static void render_env_list(const json_t *result)
{
    const json_t *list = json_object_get(result, "environments");
    size_t index;
    const json_t *entry;
    int width = (int)strlen("NAME");
    json_array_foreach((json_t *)list, index, entry)
    {
        width = MAX(width, (int)strlen(cli_text(entry, "name")));
    }
    cli_print(stdout, "%-*s  INSTALLED  DESCRIPTION\n", width, "NAME");
    json_array_foreach((json_t *)list, index, entry)
    {
        cli_print(stdout, "%-*s  %-9s  %s\n", width, cli_text(entry, "name"), installed_word(entry),
                  cli_text(entry, "description"));
    }
}

static void print_list(const json_t *list)
{
    size_t index;
    const json_t *item;
    if (json_array_size(list) == 0)
        cli_print(stdout, "-");
    json_array_foreach((json_t *)list, index, item)
    {
        cleanup_free char *other =
            json_is_string(item) ? NULL : json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
        cli_print(stdout, "%s%s", index ? ", " : "",
                  json_is_string(item) ? json_string_value(item)
                  : other              ? other
                                       : "");
    }
}

void cli_print_time(const json_t *value)
{
    char when[64] = "";
    time_t seconds = (time_t)json_number_value(value);
    struct tm parts;
    if (localtime_r(&seconds, &parts))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &parts);
    cli_print(stdout, "%s", when);
}

static bool ends_with(const char *word, const char *end)
{
    size_t length = strlen(word), end_length = strlen(end);
    return length >= end_length && strcmp(word + length - end_length, end) == 0;
}

/* What takes disk, and whether it is of any use. */
static void print_templates(const json_t *templates)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(templates, index, entry)
    {
        bool usable = pyro_json_boolean(entry, "usable", false);
        cli_print(stdout, "%s%" PRId64 " vCPU, %" PRId64 " MiB%s: ",
                  index ? "\n                       " : "",
                  pyro_json_integer(entry, "vcpu_count", 0), pyro_json_integer(entry, "mem_mib", 0),
                  pyro_json_boolean(entry, "network", false) ? ", network" : "");
        cli_print_size("", entry, "disk_usage_bytes");
        cli_print(stdout, "%s%s",
                  usable ? "" : ", not usable: ", usable ? "" : cli_text(entry, "problem"));
    }
    if (json_array_size(templates) == 0)
        cli_print(stdout, "none: guests boot");
}

static void print_member(const json_t *result, const char *key, const json_t *value)
{
    if (json_is_string(value))
        cli_print(stdout, "%s", json_string_value(value));
    else if (strcmp(key, "templates") == 0)
        print_templates(value);
    else if (json_is_array(value))
        print_list(value);
    else if (json_is_boolean(value))
        cli_print(stdout, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_null(value))
        cli_print(stdout, "-");
    else if (json_is_integer(value) && ends_with(key, "_bytes"))
        cli_print_size("", result, key);
    else if (json_is_number(value) && ends_with(key, "_at"))
        cli_print_time(value);
    else if (json_is_integer(value))
        cli_print(stdout, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else {
        cleanup_free char *other = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        cli_print(stdout, "%s", other ? other : "");
    }
}

static void render_members(const json_t *result)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)result, key, value)
    {
        cli_print(stdout, "%-22s ", key);
        print_member(result, key, value);
        cli_print(stdout, "\n");
    }
}

static void render_env_pull(const json_t *result)
{
    cli_print(stdout, "%s is installed in %s (kernel %s, %" PRId64 " packages, ",
              cli_text(result, "name"), cli_text(result, "install_dir"),
              cli_text(result, "kernel_version"), pyro_json_integer(result, "package_count", 0));
    cli_print_size("", result, "disk_usage_bytes");
    cli_print(stdout, ")\n");
}

static void render_env_prune(const json_t *result)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(json_object_get(result, "deleted"), index, entry)
    {
        cli_print(stdout, "removed %s: %s\n", cli_text(entry, "name"), cli_text(entry, "reason"));
    }
    int64_t count = pyro_json_integer(result, "count", 0);
    if (count == 0) {
        cli_print(stdout, "nothing to remove\n");
        return;
    }
    cli_print(stdout, "%" PRId64 " removed, ", count);
    cli_print_size("", result, "freed_bytes");
    cli_print(stdout, " free again\n");
}

struct mark {
    const char *status, *symbol, *word, *colour;
};

static const struct mark *find_mark(const char *status)
{
    static const struct mark marks[] = {
        {"ok", "✓", "ok", "\033[32m"},
        {"warning", "!", "warning", "\033[33m"},
        {"failed", "✗", "FAILED", "\033[31m"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        if (strcmp(marks[i].status, status) == 0)
            return &marks[i];
    }
    return &marks[2];
}

static void render_check(const json_t *check, bool symbols, bool colours)
{
    const struct mark *mark = find_mark(cli_text(check, "status"));
    fputs(colours ? mark->colour : "", stdout);
    if (symbols)
        fputs(mark->symbol, stdout);
    else
        printf("%-7s", mark->word);
    fputs(colours ? "\033[0m" : "", stdout);
    cli_print(stdout, " %-16s %s\n", cli_text(check, "name"), cli_text(check, "detail"));
    if (*cli_text(check, "fix"))
        cli_print(stdout, "%*s fix: %s\n", symbols ? 18 : 24, "", cli_text(check, "fix"));
}

static void render_doctor(const json_t *result)
{
    bool symbols = cli_shows_utf8(stdout), colours = cli_shows_colour(stdout);
    size_t index;
    const json_t *check;
    json_array_foreach(json_object_get(result, "checks"), index, check)
    {
        render_check(check, symbols, colours);
    }
    if (pyro_json_boolean(result, "ok", false))
        cli_print(stdout, "\npyro run works here, with %s\n", cli_text(result, "isolation"));
    else
        cli_print(stdout, "\npyro run cannot work here until the failed checks are mended\n");
}

/* The guest's output was shown as it came; this is the closing line, and it goes to stderr. */
static void render_run(const json_t *result)
{
    double duration_ms = pyro_json_real(result, "duration_ms", 0);
    const json_t *boot_ms = json_object_get(result, "boot_ms");
    fflush(stdout);
    cli_print(stderr, "pyro: exit status %" PRId64 " after %.2f s%s (%s",
              pyro_json_integer(result, "exit_code", -1), duration_ms / 1000,
              pyro_json_boolean(result, "timed_out", false) ? ", the time limit" : "",
              cli_text(result, "isolation"));
    if (json_is_number(boot_ms))
        cli_print(stderr, ", %s boot %.2f s", cli_text(result, "boot_kind"),
                  json_number_value(boot_ms) / 1000);
    cli_print(stderr, ")\n");
}

/* All there is to see was shown as it came. */
static void render_nothing(const json_t *result)
{
    (void)result;
}

void cli_render(const struct pyro_operation *operation, const json_t *result)
{
    static const struct {
        const char *operation;
        void (*render)(const json_t *result);
    } forms[] = {
        {"vm_run", render_run},
        {"env_list", render_env_list},
        {"env_pull", render_env_pull},
        {"env_prune", render_env_prune},
        {"doctor", render_doctor},
        {"workspace_create", cli_render_workspace_create},
        {"workspace_status", cli_render_workspace_status},
        {"workspace_exec", render_run},
        {"workspace_logs", cli_render_workspace_logs},
        {"workspace_delete", cli_render_workspace_delete},
        {"workspace_sync_push", cli_render_workspace_sync_push},
        {"workspace_export", cli_render_workspace_export},
        {"workspace_diff", cli_render_workspace_diff},
        {"service_start", cli_render_service_start},
        {"service_list", cli_render_service_list},
        {"service_status", cli_render_service_status},
        {"service_stop", cli_render_service_stop},
        {"shell_open", cli_render_shell_open},
        {"shell_read", cli_render_shell_read},
        {"shell_write", cli_render_shell_write},
        {"shell_signal", cli_render_shell_signal},
        {"shell_resize", cli_render_shell_resize},
        {"shell_close", cli_render_shell_close},
        {"service_logs", render_nothing},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (strcmp(forms[i].operation, operation->name) == 0) {
            forms[i].render(result);
            return;
        }
    }
    render_members(result);
}
