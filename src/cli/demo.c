/* `pyro demo`: the life of a workspace, made of the operations that everybody has, and shown as
 * what one would type for them. */
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/demo.h"

struct demo {
    struct cli *cli;
    struct pyro_context *context;
    const char *environment;
    struct utsname host;
    char guest_kernel[65], isolation[32];
    char *workspace_id; /* NULL: there is none to delete */
    char *shown_id;     /* the same, and stays */
    char *command;      /* that the step is shown as */
    json_t *steps;
};

static void on_progress(void *userdata, const struct pyro_progress *step)
{
    struct demo *demo = userdata;
    cli_progress_show(&demo->cli->progress, step);
}

/* ---- on screen ---- */

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

static void switch_style(const char *style)
{
    if (cli_shows_colour(stdout))
        fputs(style, stdout);
}

static void show_command(const struct demo *demo)
{
    if (demo->cli->json)
        return;
    switch_style(BOLD);
    cli_print(stdout, "\n$ %s\n", demo->command);
    switch_style(PLAIN);
    fflush(stdout);
}

/* What a command printed, line by line. */
static void show_output(const struct demo *demo, const char *text)
{
    while (*text && !demo->cli->json) {
        size_t length = strcspn(text, "\n");
        cli_print(stdout, "  %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void show_step(const struct demo *demo, const char *name, const char *outcome, double ms)
{
    if (demo->cli->json)
        return;
    switch_style(GREEN);
    cli_print(stdout, "  %-7s", name);
    switch_style(PLAIN);
    cli_print(stdout, "%-60s ", outcome);
    switch_style(DIM);
    cli_print(stdout, "%7.2f s\n", ms / 1000);
    switch_style(PLAIN);
    fflush(stdout);
}

/* ---- steps ---- */

/* Sets what is shown as typed; `words` ends with NULL. */
static int set_command(struct demo *demo, const char *const *words, struct pyro_error *error)
{
    size_t count = 0;
    while (words[count])
        count++;
    free(demo->command);
    demo->command = pyro_text_shell_join(words, count);
    return demo->command ? 0 : pyro_error_no_memory(error);
}

/* `parameters` is taken over. What is there to clean up goes on after a signal. */
static int call(struct demo *demo, const char *name, json_t *parameters, bool cleans_up,
                json_t **ret_result, double *ret_ms, struct pyro_error *error)
{
    cleanup_json json_t *taken = parameters;
    const struct pyro_observer observer = {.userdata = demo,
                                           .progress = on_progress,
                                           .cancel_fd = cleans_up ? -1 : demo->cli->cancel_fd,
                                           .stdin_fd = -1};
    if (!taken)
        return pyro_error_no_memory(error);
    uint64_t started_us = pyro_now_us();
    int r = pyro_operation_call(demo->context, pyro_operation_find(name), taken, &observer,
                                ret_result, error);
    cli_progress_clear(&demo->cli->progress);
    *ret_ms = (double)(pyro_now_us() - started_us) / 1000;
    return r;
}

static int keep_step(struct demo *demo, const char *name, const char *output, double ms,
                     struct pyro_error *error)
{
    json_t *step = json_pack("{s:s, s:s, s:s, s:f}", "name", name, "command", demo->command,
                             "output", output, "duration_ms", ms);
    return json_array_append_new(demo->steps, step) < 0 ? pyro_error_no_memory(error) : 0;
}

/* One operation, which makes and starts: the guest's own part of the time is in the result. */
static int create(struct demo *demo, struct pyro_error *error)
{
    const char *const words[] = {"pyro", "workspace", "create", demo->environment, NULL};
    cleanup_json json_t *result = NULL;
    char made[128], started[128];
    double ms;
    if (set_command(demo, words, error) < 0)
        return -1;
    show_command(demo);
    if (call(demo, "workspace_create", json_pack("{s:s}", "environment", demo->environment), false,
             &result, &ms, error) < 0)
        return -1;
    demo->workspace_id = strdup(pyro_json_text(result, "workspace_id", ""));
    demo->shown_id = strdup(pyro_json_text(result, "workspace_id", ""));
    if (!demo->workspace_id || !demo->shown_id)
        return pyro_error_no_memory(error);
    bool restored = strcmp(pyro_json_text(result, "boot_kind", ""), "restored") == 0;
    double boot_ms = MIN(pyro_json_real(result, "boot_ms", 0), ms);
    snprintf(demo->isolation, sizeof(demo->isolation), "%s",
             pyro_json_text(result, "isolation", ""));
    snprintf(made, sizeof(made), "%s", demo->shown_id);
    snprintf(started, sizeof(started), "%s, isolation %s",
             restored ? "a clone of a guest that is warm" : "booted; the next one is a clone",
             demo->isolation);
    show_step(demo, "create", made, ms - boot_ms);
    show_step(demo, "start", started, boot_ms);
    return keep_step(demo, "create", made, ms - boot_ms, error) < 0 ||
                   keep_step(demo, "start", started, boot_ms, error) < 0
               ? -1
               : 0;
}

/* `words` end with NULL; `ret_output`, to be freed, is what they printed. */
static int exec(struct demo *demo, const char *const *words, char **ret_output, double *ret_ms,
                struct pyro_error *error)
{
    const char *typed[16] = {"pyro", "workspace", "exec", demo->workspace_id, "--"};
    cleanup_json json_t *command = json_array(), *result = NULL;
    for (size_t i = 0; words[i] && i < ARRAY_SIZE(typed) - 6; i++) {
        typed[5 + i] = words[i];
        json_array_append_new(command, json_string(words[i]));
    }
    if (set_command(demo, typed, error) < 0)
        return -1;
    show_command(demo);
    if (call(demo, "workspace_exec",
             json_pack("{s:s, s:O}", "workspace_id", demo->workspace_id, "command", command), false,
             &result, ret_ms, error) < 0)
        return -1;
    int64_t status = pyro_json_integer(result, "exit_code", -1);
    if (status != 0)
        return pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                              "%s ended with exit status %lld: %.200s", words[0], (long long)status,
                              pyro_json_text(result, "stderr", ""));
    *ret_output = strdup(pyro_json_text(result, "stdout", ""));
    return *ret_output ? 0 : pyro_error_no_memory(error);
}

static int ask_kernel(struct demo *demo, struct pyro_error *error)
{
    static const char *const words[] = {"uname", "-r", NULL};
    cleanup_free char *output = NULL;
    char outcome[128];
    double ms;
    if (exec(demo, words, &output, &ms, error) < 0)
        return -1;
    snprintf(demo->guest_kernel, sizeof(demo->guest_kernel), "%.*s", (int)strcspn(output, "\n"),
             output);
    snprintf(outcome, sizeof(outcome), "a kernel of its own; this host runs %.60s",
             demo->host.release);
    show_output(demo, output);
    show_step(demo, "exec", outcome, ms);
    return keep_step(demo, "exec", output, ms, error);
}

static int write_file(struct demo *demo, struct pyro_error *error)
{
    static const char *const words[] = {
        "sh", "-c", "echo \"made by $(id -un) on $(uname -n)\" >hello.txt", NULL};
    cleanup_free char *output = NULL;
    double ms;
    if (exec(demo, words, &output, &ms, error) < 0)
        return -1;
    show_step(demo, "exec", "root in there, and only in there", ms);
    return keep_step(demo, "exec", output, ms, error);
}

static int diff(struct demo *demo, struct pyro_error *error)
{
    const char *const words[] = {"pyro", "workspace", "diff", demo->workspace_id, NULL};
    cleanup_json json_t *result = NULL;
    double ms;
    if (set_command(demo, words, error) < 0)
        return -1;
    show_command(demo);
    if (call(demo, "workspace_diff", json_pack("{s:s}", "workspace_id", demo->workspace_id), false,
             &result, &ms, error) < 0)
        return -1;
    const char *patch = pyro_json_text(result, "patch", "");
    show_output(demo, patch);
    show_step(demo, "diff", "what changed since it was created, for git apply", ms);
    return keep_step(demo, "diff", patch, ms, error);
}

/* Also what cleans up when something else has failed. */
static int delete_workspace(struct demo *demo, struct pyro_error *error)
{
    const char *const words[] = {"pyro", "workspace", "delete", demo->workspace_id, NULL};
    cleanup_json json_t *result = NULL;
    double ms;
    if (set_command(demo, words, error) < 0)
        return -1;
    show_command(demo);
    if (call(demo, "workspace_delete", json_pack("{s:s}", "workspace_id", demo->workspace_id), true,
             &result, &ms, error) < 0)
        return -1;
    free(demo->workspace_id);
    demo->workspace_id = NULL;
    show_step(demo, "delete", "no process, no file, no trace", ms);
    return keep_step(demo, "delete", "", ms, error);
}

static int play(struct demo *demo, struct pyro_error *error)
{
    uname(&demo->host);
    if (pyro_open(NULL, &demo->context, error) < 0)
        return -1;
    int r = create(demo, error);
    if (r == 0)
        r = ask_kernel(demo, error);
    if (r == 0)
        r = write_file(demo, error);
    if (r == 0)
        r = diff(demo, error);
    struct pyro_error ignored;
    if (demo->workspace_id && delete_workspace(demo, r == 0 ? error : &ignored) < 0) {
        cli_print(stderr, "pyro demo: `pyro workspace delete %s` is left to do\n", demo->shown_id);
        r = -1;
    }
    pyro_close(demo->context);
    return r;
}

/* ---- the whole ---- */

static int show_end(const struct demo *demo, double ms, struct pyro_error *error)
{
    if (!demo->cli->json) {
        cli_print(stdout,
                  "\nAll of it took %.2f s, and nothing is left. What to try next:\n"
                  "  pyro run %s -- cat /etc/os-release\n"
                  "  pyro workspace create %s --seed-path .\n"
                  "  pyro mcp config --client claude-code\n"
                  "  pyro demo ollama\n",
                  ms / 1000, demo->environment, demo->environment);
        return 0;
    }
    cleanup_json json_t *result =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:f, s:b}", "environment", demo->environment,
                  "workspace_id", demo->shown_id, "host_kernel", demo->host.release, "guest_kernel",
                  demo->guest_kernel, "isolation", demo->isolation, "steps", demo->steps,
                  "duration_ms", ms, "deleted", 1);
    if (!result)
        return pyro_error_no_memory(error);
    cli_print_json(result);
    return 0;
}

int cli_demo(struct cli *cli, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    cleanup_json json_t *steps = json_array();
    struct demo demo = {.cli = cli,
                        .environment = pyro_json_text(given, "environment", "debian:12"),
                        .steps = steps};
    uint64_t started_us = pyro_now_us();
    cli->cancel_fd = cli_signals_catch();
    cli_progress_init(&cli->progress, cli_wants_progress(cli));
    if (!cli->json)
        cli_print(stdout, "A Linux machine of its own, from nothing to nothing.\n");
    int r = play(&demo, &error);
    if (r == 0)
        r = show_end(&demo, (double)(pyro_now_us() - started_us) / 1000, &error);
    free(demo.command);
    free(demo.workspace_id);
    free(demo.shown_id);
    int status = r < 0 ? cli_fail(cli, "pyro demo", &error) : 0;
    bool by_signal = error.code == PYRO_ERROR_CANCELLED && cli_signals_caught();
    return by_signal ? 128 + cli_signals_caught() : status;
}
