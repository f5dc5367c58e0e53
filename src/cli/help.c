#include "cli/help.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "operation/problems.h"

#define REST "COMMAND [WORD]..."

enum { WIDTH = 80, INDENT = 2, COLUMN = 28 };

/* Prints `text` wrapped, from the column where the line stands now; later lines start at `indent`.
 */
static void wrap(FILE *file, const char *text, int column, int indent)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + (int)length > WIDTH) {
            fprintf(file, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", (int)length, text);
        column += (int)length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', file);
}

static void print_entry(FILE *file, const char *name, const char *text)
{
    int printed = fprintf(file, "%*s%s", INDENT, "", name);
    if (printed >= COLUMN)
        fprintf(file, "\n%*s", COLUMN, "");
    else
        fprintf(file, "%*s", COLUMN - printed, "");
    wrap(file, text, COLUMN, COLUMN);
}

/* Lines as they are, indented. */
static void print_lines(FILE *file, const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        fprintf(file, "%*s%.*s\n", INDENT, "", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static const char *placeholder(const struct pyro_parameter *parameter)
{
    switch (parameter->type) {
    case PYRO_TYPE_BOOLEAN:
        return "";
    case PYRO_TYPE_INTEGER:
    case PYRO_TYPE_NUMBER:
        return " N";
    default:
        return parameter->bare ? " [TEXT]" : " TEXT";
    }
}

/* The help of a parameter with its limits, choices and default. To be freed. */
static char *describe(const struct pyro_parameter *parameter)
{
    char limits[128] = "", fallback[128] = "";
    bool open_end = parameter->maximum == INT64_MAX;
    if (parameter->choices) {
        for (const char *const *choice = parameter->choices; *choice; choice++) {
            size_t used = strlen(limits);
            snprintf(limits + used, sizeof(limits) - used, "%s%s", used ? ", " : "; one of ",
                     *choice);
        }
    } else if (open_end) {
        snprintf(limits, sizeof(limits), "; at least %" PRId64, parameter->minimum);
    } else if (parameter->minimum != 0 || parameter->maximum != 0) {
        snprintf(limits, sizeof(limits), "; %" PRId64 " to %" PRId64, parameter->minimum,
                 parameter->maximum);
    }
    if (parameter->fallback && parameter->type != PYRO_TYPE_BOOLEAN)
        snprintf(fallback, sizeof(fallback), "; default %s", parameter->fallback);
    return pyro_text_format("%s%s%s", parameter->flag_help ? parameter->flag_help : parameter->help,
                            limits, fallback);
}

static bool is_option(const struct pyro_parameter *parameter)
{
    return !parameter->positional && !parameter->rest;
}

static void print_parameter(FILE *file, const struct pyro_parameter *parameter)
{
    if (parameter->rest) { /* on the command line it is always a list of words */
        print_entry(file, REST,
                    "Program to run and its arguments. They arrive as they are, never split or "
                    "joined; for shell syntax write -- sh -c 'TEXT'");
        return;
    }
    cleanup_free char *spelling = pyro_parameter_spelling(parameter, PYRO_NAMING_FLAGS);
    cleanup_free char *name = pyro_text_format("%s%s", spelling ? spelling : parameter->name,
                                               is_option(parameter) ? placeholder(parameter) : "");
    cleanup_free char *text = describe(parameter);
    print_entry(file, name ? name : parameter->name, text ? text : parameter->help);
}

static void print_flag(FILE *file, const struct cli_flag *flag)
{
    if (!flag->variant) {
        print_parameter(file, flag->parameter);
        return;
    }
    cleanup_free char *spelling = cli_flag_spelling(flag);
    cleanup_free char *name =
        pyro_text_format("%s%s", spelling ? spelling : "", placeholder(flag->parameter));
    print_entry(file, name ? name : flag->variant->flag, flag->variant->help);
}

static void print_usage(FILE *file, const struct pyro_operation *operation)
{
    bool rest = false;
    fprintf(file, "Usage: pyro %s [OPTIONS]", operation->cli);
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        cleanup_free char *spelling = pyro_parameter_spelling(p, PYRO_NAMING_FLAGS);
        if (p->positional)
            fprintf(file, p->required ? " %s" : " [%s]", spelling ? spelling : p->name);
        rest = rest || p->rest;
    }
    fputs(rest ? " -- " REST "\n" : "\n", file);
}

static void print_arguments(FILE *file, const struct pyro_operation *operation)
{
    bool titled = false;
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (is_option(p))
            continue;
        fputs(titled ? "" : "\nArguments:\n", file);
        titled = true;
        print_parameter(file, p);
    }
}

static void print_options(FILE *file, const struct pyro_operation *operation)
{
    fputs("\nOptions:\n", file);
    struct cli_flag flag = {0};
    while (cli_flag_next(operation, &flag))
        print_flag(file, &flag);
    print_entry(file, "--json", "Print the result, or the error, as JSON on stdout");
    print_entry(file, "--verbose", "Show progress on stderr even when it is not a terminal");
    print_entry(file, "-h, --help", "Print this text");
}

static void print_environment(FILE *file)
{
    fputs("\nEnvironment variables:\n", file);
    print_entry(file, "PYRO_HOME",
                "Directory of environments, VMs and the store; otherwise $XDG_DATA_HOME/pyro or "
                "~/.local/share/pyro");
    print_entry(file, "PYRO_QEMU", "QEMU to use; otherwise qemu-system-x86_64 in PATH");
    print_entry(file, "PYRO_LIBEXEC", "Directory of pyro-agent and pyro-supervisor");
    print_entry(file, "PYRO_BOOT_TIMEOUT_SECONDS",
                "How long a guest may take to boot before it is tried once more");
    print_entry(file, "PYRO_MAX_ACTIVE_VMS",
                "How many VMs may run at once; otherwise one for each 256 MiB of memory");
    print_entry(file, "NO_COLOR", "Set to anything: no colours");
}

static void print_statuses(FILE *file, const char *own)
{
    fputs("\nExit status:\n", file);
    print_lines(file, own ? own : "0      it worked");
    print_lines(file,
                "2      wrong use\n"
                "125    pyro itself failed; stderr says why and what to do\n"
                "130    interrupted (143: SIGTERM, 129: SIGHUP, 141: nobody read the output)");
}

void cli_help_operation(FILE *file, const struct pyro_operation *operation)
{
    print_usage(file, operation);
    fputc('\n', file);
    wrap(file, operation->description, 0, 0);
    print_arguments(file, operation);
    print_options(file, operation);
    print_statuses(file, operation->exit_statuses);
    print_environment(file);
    if (operation->examples) {
        fputs("\nExamples:\n", file);
        print_lines(file, operation->examples);
    }
}

void cli_help_overview(FILE *file, const char *family)
{
    if (!family)
        fprintf(file, "pyro %s: run code that nobody has read in a Linux guest of its own\n\n",
                PYRO_VERSION);
    fprintf(file, "Usage: pyro %s%sCOMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n",
            family ? family : "", family ? " " : "");
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        const char *cli = (*at)->cli;
        if (cli && (!family || cli_family_has(family, cli)))
            print_entry(file, cli, (*at)->summary);
    }
    fputs("\n`pyro COMMAND --help` explains a command.\n", file);
    if (family)
        return;
    print_statuses(file, NULL);
    print_environment(file);
    fputs("\nExamples:\n", file);
    print_lines(file, "pyro doctor\n"
                      "pyro run debian:12 -- git --version");
}
