/* `pyro demo ollama`: what the agent does, line by line, and one line that sums it up. */
#include <string.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/json.h"
#include "cli/demo.h"
#include "demo/agent.h"

enum {
    LINES_MAX = 12, /* shown of one text */
    LINE_MAX_BYTES = 300,
};

static void on_progress(void *userdata, const struct pyro_progress *step)
{
    struct cli *cli = userdata;
    cli_progress_show(&cli->progress, step);
}

/* One line of what comes from a model or a guest can never be taken for one of ours: each begins
 * with its label. */
static void log_text(void *userdata, const char *label, const char *text)
{
    struct cli *cli = userdata;
    FILE *file = cli->json ? stderr : stdout; /* stdout is for the result */
    cli_progress_clear(&cli->progress);
    text += strspn(text, "\n");
    for (size_t lines = 0; lines == 0 || *text; lines++) {
        size_t length = strcspn(text, "\n"), shown = MIN(length, (size_t)LINE_MAX_BYTES);
        if (lines == LINES_MAX) {
            cli_print(file, "[%-6s] …\n", label);
            break;
        }
        cli_print(file, "[%-6s] %.*s%s\n", label, (int)shown, text, shown < length ? " …" : "");
        text += length + strspn(text + length, "\n");
    }
    fflush(file);
}

/* Adds what only the front knows. */
static int complete(json_t *result, const struct pyro_chat *chat, double ms)
{
    const json_t *calls = json_object_get(result, "calls"), *call, *last = NULL;
    size_t index, failed = 0;
    json_array_foreach((json_t *)calls, index, call)
    {
        const json_t *code = json_object_get(call, "exit_code");
        last = json_is_integer(code) ? code : last;
        failed += !json_is_integer(code);
    }
    cleanup_json json_t *more = json_pack(
        "{s:s, s:s, s:I, s:I, s:O, s:f}", "model", chat->model, "base_url", chat->base_url,
        "call_count", (json_int_t)json_array_size(calls), "failed_call_count", (json_int_t)failed,
        "last_exit_code", last, "duration_ms", ms);
    return json_object_update(result, more);
}

static void show(const struct cli *cli, const json_t *result)
{
    if (cli->json) {
        cli_print_json(result);
        return;
    }
    int calls = (int)pyro_json_integer(result, "call_count", 0);
    int failed = (int)pyro_json_integer(result, "failed_call_count", 0);
    cli_print(stdout,
              "pyro demo ollama: %s called vm_run %d time%s (%d failed) in %d rounds and %.1f s; "
              "last exit code %d; every guest is gone\n",
              pyro_json_text(result, "model", ""), calls, calls == 1 ? "" : "s", failed,
              (int)pyro_json_integer(result, "round_count", 0),
              pyro_json_real(result, "duration_ms", 0) / 1000,
              (int)pyro_json_integer(result, "last_exit_code", 0));
}

static int play(struct cli *cli, const struct pyro_home *home, const json_t *parameters,
                struct pyro_error *error)
{
    const struct pyro_observer observer = {
        .userdata = cli, .progress = on_progress, .cancel_fd = cli->cancel_fd, .stdin_fd = -1};
    struct pyro_chat chat;
    const struct pyro_agent agent = {
        .chat = &chat, .observer = &observer, .log = log_text, .userdata = cli};
    cleanup_json json_t *result = NULL;
    uint64_t started_us = pyro_now_us();
    int r = pyro_chat_init(&chat, home, pyro_json_text(parameters, "base_url", ""),
                           pyro_json_text(parameters, "model", NULL),
                           (unsigned)pyro_json_integer(parameters, "timeout_seconds", 0), &observer,
                           error);
    cli_progress_clear(&cli->progress);
    if (r == 0) {
        char server[512];
        snprintf(server, sizeof(server), "%s, model %s", chat.base_url, chat.model);
        log_text(cli, "server", server);
        r = pyro_agent_run(&agent, pyro_json_text(parameters, "prompt", ""), &result, error);
    }
    cli_progress_clear(&cli->progress);
    if (r == 0 && complete(result, &chat, (double)(pyro_now_us() - started_us) / 1000) < 0)
        r = pyro_error_no_memory(error);
    if (r == 0)
        show(cli, result);
    pyro_chat_finish(&chat);
    return r;
}

int cli_demo_ollama(struct cli *cli, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_home home;
    cleanup_json json_t *parameters = NULL;
    int r = pyro_parameters_check(cli->operation, given, &parameters, &error);
    if (r == 0)
        r = pyro_home_init(&home, NULL, NULL, &error);
    if (r == 0) {
        cli->cancel_fd = cli_signals_catch();
        cli_progress_init(&cli->progress, cli_wants_progress(cli));
        r = play(cli, &home, parameters, &error);
        pyro_home_finish(&home);
    }
    int status = r < 0 ? cli_fail(cli, "pyro demo ollama", &error) : 0;
    bool by_signal = error.code == PYRO_ERROR_CANCELLED && cli_signals_caught();
    return by_signal ? 128 + cli_signals_caught() : status;
}
