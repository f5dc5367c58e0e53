/* Calling the operation, and turning what came of it into output and an exit status. */
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/wait.h"
#include "cli/attach.h"
#include "cli/demo.h"
#include "cli/mcp.h"

/* Commands that work with the terminal, or with stdin and stdout, themselves, which no other front
 * has: whole commands, signals and output included. */
static const struct {
    const char *name; /* of the operation */
    int (*run)(struct cli *cli, const json_t *given);
} own_commands[] = {
    {"shell_attach", cli_attach}, {"mcp_serve", cli_mcp_serve},     {"mcp_config", cli_mcp_config},
    {"demo", cli_demo},           {"demo_ollama", cli_demo_ollama},
};

static bool is_command(const struct cli *cli)
{
    return cli->operation->output == PYRO_OUTPUT_COMMAND;
}

/* A patch on a terminal is for people: in colour, and with nothing in it that a terminal would
 * obey. */
static bool is_patch_for_people(const struct cli *cli)
{
    return cli->operation->output == PYRO_OUTPUT_PATCH && isatty(STDOUT_FILENO);
}

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct cli *cli = userdata;
    cli_progress_clear(&cli->progress);
    cli->progress.wanted = false; /* what the guest writes must not be mixed with ours */
    if (is_patch_for_people(cli)) {
        cli_render_patch(bytes, size);
        return 0;
    }
    int fd = stream == PYRO_STDERR ? STDERR_FILENO : STDOUT_FILENO;
    int r = pyro_fd_write_patiently(fd, bytes, size, cli->cancel_fd);
    if (r < 0 && r != -ECANCELED)
        cli->write_errno = -r;
    return r;
}

static void on_progress(void *userdata, const struct pyro_progress *progress)
{
    struct cli *cli = userdata;
    cli_progress_show(&cli->progress, progress);
}

/* Input that somebody redirected. A terminal is not forwarded: there is no terminal in the guest.
 */
static int find_stdin(void)
{
    struct stat status;
    if (fstat(STDIN_FILENO, &status) < 0)
        return -1;
    mode_t mode = status.st_mode;
    return S_ISFIFO(mode) || S_ISREG(mode) || S_ISSOCK(mode) ? STDIN_FILENO : -1;
}

/* {"error": {…}}, NULL without memory. */
static json_t *error_report(const struct pyro_error *error)
{
    cleanup_free char *message = pyro_text_to_utf8(error->message, strlen(error->message), NULL);
    cleanup_free char *hint = pyro_text_to_utf8(error->hint, strlen(error->hint), NULL);
    cleanup_free char *field = pyro_text_to_utf8(error->field, strlen(error->field), NULL);
    return json_pack("{s:{s:s, s:s?, s:s?, s:s?}}", "error", "code", pyro_error_name(error->code),
                     "message", message, "hint", error->hint[0] ? hint : NULL, "field",
                     error->field[0] ? field : NULL);
}

/* PYRO_ERROR_FD=N: whoever started this program wants the error as JSON in that descriptor, to show
 * it in its own way; the Python package does. False: there is none. */
static bool report_to_starter(json_t *report, const struct pyro_error *error)
{
    const char *set = getenv("PYRO_ERROR_FD");
    long fd = set ? strtol(set, NULL, 10) : -1;
    if (fd <= STDERR_FILENO || fd > INT_MAX)
        return false;
    json_object_set_new(json_object_get(report, "error"), "errno", json_integer(error->errnum));
    return json_dumpfd(report, (int)fd, JSON_COMPACT) == 0;
}

int cli_fail(const struct cli *cli, const char *command, const struct pyro_error *error)
{
    cleanup_json json_t *report = error_report(error);
    int status = pyro_error_exit_status(error->code);
    if (report_to_starter(report, error))
        return status;
    cli_print(stderr, "%s: %s\n", command, error->message);
    if (error->hint[0])
        cli_print(stderr, "  hint: %s\n", error->hint);
    if (cli->json)
        cli_print_json(report);
    return status;
}

/* The bytes went where nobody reads (as `head` does when it has seen enough), or could not be kept.
 */
static int fail_write(const struct cli *cli, const char *command)
{
    if (cli->write_errno == EPIPE)
        return 128 + SIGPIPE;
    cli_print(stderr, "%s: cannot write the output: %s\n", command, strerror(cli->write_errno));
    return EXIT_FAILED;
}

/* The command's own status; for `doctor`, whether all is well. */
static int exit_status(const struct cli *cli, const json_t *result)
{
    const json_t *code = json_object_get(result, "exit_code");
    if (is_command(cli) && json_is_integer(code))
        return (int)json_integer_value(code) & 0xff;
    return json_is_false(json_object_get(result, "ok")) ? 1 : 0;
}

bool cli_wants_progress(const struct cli *cli)
{
    return cli->verbose || isatty(STDERR_FILENO) || !(cli->json || is_command(cli));
}

static int show_result(struct cli *cli, const json_t *result)
{
    enum pyro_output_kind output = cli->operation->output;
    bool says_all = output == PYRO_OUTPUT_COMMAND || output == PYRO_OUTPUT_KEPT;
    if (cli->json)
        cli_print_json(result);
    else if (!says_all || cli->verbose || isatty(STDERR_FILENO))
        cli_render(cli->operation, result);
    return exit_status(cli, result);
}

static int call(struct cli *cli, const char *command, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_context *context = NULL;
    cleanup_json json_t *result = NULL;
    const struct pyro_observer observer = {
        .userdata = cli,
        .output = cli->operation->output && !cli->json ? on_output : NULL,
        .progress = on_progress,
        .cancel_fd = cli->cancel_fd,
        .stdin_fd = is_command(cli) || cli->operation->reads_stdin ? find_stdin() : -1,
    };
    int r = pyro_open(NULL, &context, &error);
    if (r == 0)
        r = pyro_operation_call(context, cli->operation, given, &observer, &result, &error);
    cli_progress_clear(&cli->progress);
    pyro_close(context);
    if (cli->write_errno)
        return fail_write(cli, command);
    if (r == 0)
        return show_result(cli, result);
    int status = cli_fail(cli, command, &error);
    bool by_signal = error.code == PYRO_ERROR_CANCELLED && cli_signals_caught();
    return by_signal ? 128 + cli_signals_caught() : status;
}

int cli_call(struct cli *cli, const json_t *given)
{
    char command[64];
    for (size_t i = 0; i < ARRAY_SIZE(own_commands); i++) {
        if (strcmp(own_commands[i].name, cli->operation->name) == 0)
            return own_commands[i].run(cli, given);
    }
    snprintf(command, sizeof(command), "pyro %s", cli->operation->cli);
    /* Names in archives are read as the locale says. Loading it takes a tenth of the time in which
     * a command in a guest is begun, and that passes on bytes as they are. */
    if (!is_command(cli))
        setlocale(LC_CTYPE, "");
    cli->cancel_fd = cli_signals_catch();
    cli_progress_init(&cli->progress, cli_wants_progress(cli));
    return call(cli, command, given);
}
