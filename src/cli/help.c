#include "cli/help.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "operation/problems.h"

#define REST "COMMAND [WORD]..."

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

static void write_entry(const struct cli_page *page, const char *name, const char *text)
{
    page->format->entry(page->file, name, text);
}

static void write_parameter(const struct cli_page *page, const struct pyro_parameter *parameter)
{
    if (parameter->rest) { /* on the command line it is always a list of words */
        write_entry(page, REST,
                    "Program to run and its arguments. They arrive as they are, never split or "
                    "joined; for shell syntax write -- sh -c 'TEXT'");
        return;
    }
    cleanup_free char *spelling = pyro_parameter_spelling(parameter, PYRO_NAMING_FLAGS);
    cleanup_free char *name = pyro_text_format("%s%s", spelling ? spelling : parameter->name,
                                               is_option(parameter) ? placeholder(parameter) : "");
    cleanup_free char *text = describe(parameter);
    write_entry(page, name ? name : parameter->name, text ? text : parameter->help);
}

static void write_flag(const struct cli_page *page, const struct cli_flag *flag)
{
    if (!flag->variant) {
        write_parameter(page, flag->parameter);
        return;
    }
    cleanup_free char *spelling = cli_flag_spelling(flag);
    cleanup_free char *name =
        pyro_text_format("%s%s", spelling ? spelling : "", placeholder(flag->parameter));
    write_entry(page, name ? name : flag->variant->flag, flag->variant->help);
}

void cli_help_usage(FILE *file, const struct pyro_operation *operation)
{
    bool rest = false;
    fprintf(file, "pyro %s [OPTIONS]", operation->cli);
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        cleanup_free char *spelling = pyro_parameter_spelling(p, PYRO_NAMING_FLAGS);
        if (p->positional)
            fprintf(file, p->required ? " %s" : " [%s]", spelling ? spelling : p->name);
        rest = rest || p->rest;
    }
    fputs(rest ? " -- " REST "\n" : "\n", file);
}

static void write_arguments(const struct cli_page *page, const struct pyro_operation *operation)
{
    bool titled = false;
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (is_option(p))
            continue;
        if (!titled)
            page->format->heading(page->file, "Arguments");
        titled = true;
        write_parameter(page, p);
    }
}

static void write_options(const struct cli_page *page, const struct pyro_operation *operation)
{
    page->format->heading(page->file, "Options");
    struct cli_flag flag = {0};
    while (cli_flag_next(operation, &flag))
        write_flag(page, &flag);
    write_entry(page, "--json", "Print the result, or the error, as JSON on stdout");
    write_entry(page, "--verbose", "Show progress on stderr even when it is not a terminal");
    write_entry(page, "-h, --help", "Print this text");
}

void cli_help_environment(const struct cli_page *page)
{
    page->format->heading(page->file, "Environment variables");
    write_entry(page, "PYRO_HOME",
                "Directory of environments, VMs and the store; otherwise $XDG_DATA_HOME/pyro or "
                "~/.local/share/pyro");
    write_entry(page, "PYRO_QEMU", "QEMU to use; otherwise qemu-system-x86_64 in PATH");
    write_entry(page, "PYRO_LIBEXEC", "Directory of pyro-agent and pyro-supervisor");
    write_entry(page, "PYRO_BOOT_TIMEOUT_SECONDS",
                "How long a guest may take to boot before it is tried once more");
    write_entry(page, "PYRO_MAX_ACTIVE_VMS",
                "How many VMs may run at once; otherwise one for each 256 MiB of memory");
    write_entry(page, "PYRO_TEMPLATES", "off: every guest boots, none is a clone of a frozen one");
    write_entry(page, "PYRO_TEMPLATES_MAX_MIB", "How much disk the templates may take; 4096");
    write_entry(page, "PYRO_LOG_DIR",
                "Directory that keeps the logs of guests' consoles, of QEMU and of supervisors");
    write_entry(page, "NO_COLOR", "Set to anything: no colours");
}

void cli_help_statuses(const struct cli_page *page, const char *own)
{
    page->format->heading(page->file, "Exit status");
    cleanup_free char *all = pyro_text_format(
        "%s\n"
        "2      wrong use\n"
        "125    pyro itself failed; stderr says why and what to do\n"
        "130    interrupted (143: SIGTERM, 129: SIGHUP, 141: nobody read the output)",
        own ? own : "0      it worked");
    if (all)
        page->format->lines(page->file, all);
}

void cli_help_arguments(const struct cli_page *page, const struct pyro_operation *operation)
{
    write_arguments(page, operation);
    write_options(page, operation);
    cli_help_statuses(page, operation->exit_statuses);
}

void cli_help_examples(const struct cli_page *page, const char *examples)
{
    if (!examples)
        return;
    page->format->heading(page->file, "Examples");
    page->format->lines(page->file, examples);
}

void cli_help_operation(FILE *file, const struct pyro_operation *operation)
{
    const struct cli_page page = {file, &cli_page_text};
    fputs("Usage: ", file);
    cli_help_usage(file, operation);
    fputc('\n', file);
    page.format->paragraph(file, operation->description);
    cli_help_arguments(&page, operation);
    cli_help_environment(&page);
    cli_help_examples(&page, operation->examples);
}

void cli_help_overview(FILE *file, const char *family)
{
    const struct cli_page page = {file, &cli_page_text};
    if (!family)
        fprintf(file, "pyro %s: %s\n\n", PYRO_VERSION, CLI_ABOUT);
    fprintf(file, "Usage: pyro %s%sCOMMAND [OPTIONS] [ARGUMENTS]\n", family ? family : "",
            family ? " " : "");
    page.format->heading(file, "Commands");
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        const char *cli = (*at)->cli;
        if (cli && (!family || cli_family_has(family, cli)))
            write_entry(&page, cli, (*at)->summary);
    }
    fputs("\n`pyro COMMAND --help` explains a command.\n", file);
    if (family)
        return;
    cli_help_statuses(&page, NULL);
    cli_help_environment(&page);
    cli_help_examples(&page, CLI_EXAMPLES);
}
