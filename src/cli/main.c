/* Finding the command that is meant, and ending with the right status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/parse.h"

/* A file that is opened later must not become stdout. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            _exit(EXIT_FAILED);
    }
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Nothing matched: name what comes near, in the family as far as that is right. */
static int fail_unknown(const struct cli *cli, char *const *words, size_t count)
{
    size_t wrong = MIN(cli_family_find(pyro_operations, words, count) + 1, count);
    cleanup_free char *asked = cli_words_join(words, wrong);
    cleanup_free char *nearest = cli_commands_nearest(pyro_operations, words, wrong);
    struct pyro_error error = PYRO_ERROR_INIT;
    pyro_error_set(&error, PYRO_ERROR_UNKNOWN_OPERATION, "there is no command '%.100s'",
                   asked ? asked : words[0]);
    if (nearest && *nearest)
        pyro_error_hint(&error, "did you mean %s? `pyro --help` lists all commands", nearest);
    else
        pyro_error_hint(&error, "`pyro --help` lists all commands");
    return cli_fail(cli, "pyro", &error);
}

static int print_table(void)
{
    cleanup_json json_t *table = pyro_operation_table_to_json();
    if (!table)
        return EXIT_FAILED;
    cli_print_json(table);
    return 0;
}

/* The words are a family, and nothing more but --help. */
static bool asks_for_family(char *const *words, size_t count)
{
    size_t used = cli_family_find(pyro_operations, words, count);
    return used > 0 && (used == count || is_help(words[used]));
}

static int help_family(char *const *words, size_t count)
{
    cleanup_free char *family =
        cli_words_join(words, cli_family_find(pyro_operations, words, count));
    cli_help_overview(stdout, family);
    return 0;
}

/* `pyro help`, `pyro help COMMAND`, `pyro help --json` (the operation table). */
static int help(const struct cli *cli, char *const *words, size_t count)
{
    size_t used;
    const struct pyro_operation *operation = cli_command_find(pyro_operations, words, count, &used);
    if (count == 0 || is_help(words[0]))
        cli_help_overview(stdout, NULL);
    else if (strcmp(words[0], "--json") == 0)
        return print_table();
    else if (operation)
        cli_help_operation(stdout, operation);
    else if (asks_for_family(words, count))
        return help_family(words, count);
    else
        return fail_unknown(cli, words, count);
    return 0;
}

static int run_operation(struct cli *cli, char *const *words, size_t count)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct cli_request request;
    int r = cli_parse(cli->operation, words, count, &request, &error);
    cli->json = request.json;
    cli->verbose = request.verbose;
    if (request.help) {
        cli_help_operation(stdout, cli->operation);
        return 0;
    }
    if (r < 0) {
        char command[64];
        snprintf(command, sizeof(command), "pyro %s", cli->operation->cli);
        return cli_fail(cli, command, &error);
    }
    int status = cli_call(cli, request.given);
    json_decref(request.given);
    return status;
}

static int dispatch(char *const *words, size_t count)
{
    struct cli cli = {.cancel_fd = -1};
    size_t used;
    if (count == 0 || is_help(words[0]))
        return help(&cli, words, 0);
    if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-V") == 0) {
        cli_print(stdout, "pyro %s\n", PYRO_VERSION);
        return 0;
    }
    if (strcmp(words[0], "help") == 0)
        return help(&cli, words + 1, count - 1);
    if (strcmp(words[0], "complete") == 0) {
        cli_complete(stdout, pyro_operations, words + 1, count - 1);
        return 0;
    }
    cli.operation = cli_command_find(pyro_operations, words, count, &used);
    if (cli.operation)
        return run_operation(&cli, words + used, count - used);
    if (asks_for_family(words, count))
        return help_family(words, count);
    return fail_unknown(&cli, words, count);
}

/* What could not be written makes a success a failure. */
static int finish(int status)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed)
        return status;
    if (errno == EPIPE)
        return 128 + SIGPIPE;
    cli_print(stderr, "pyro: cannot write the output: %s\n", strerror(errno));
    return status == 0 ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    return finish(dispatch(argv + 1, argc > 0 ? (size_t)argc - 1 : 0));
}
