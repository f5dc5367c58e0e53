/* Writes a manual page, from what --help is made of: `pyro-man pyro`, `pyro-man
 * pyro-workspace-service`. Run when pyro is built; `pyro-man` alone lists the pages. */
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"

/* A page but the first tells of one command, or of a family without what has a page of its own. */
static const struct {
    const char *commands;
    const char *about;
} pages[] = {
    {"run", "run one command in a Linux guest of its own"},
    {"workspace", "Linux guests that stay, and the trees in them"},
    {"workspace service", "processes of a workspace that stay"},
    {"workspace shell", "terminals of a workspace that stay"},
    {"env", "environments that guests are made of"},
    {"doctor", "say what works on this host, and mend the rest"},
    {"mcp", "guests for agents, by the Model Context Protocol"},
    {"demo", "show the life of a guest"},
};

/* "pyro-workspace-shell". To be freed. */
static char *page_name(const char *commands)
{
    char *name = pyro_text_format("pyro-%s", commands);
    for (char *at = name; at && *at; at++)
        *at = *at == ' ' ? '-' : *at;
    return name;
}

/* The page that tells of the command: the one whose name is the longest. */
static size_t page_of(const char *command)
{
    size_t found = ARRAY_SIZE(pages), longest = 0;
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        size_t length = strlen(pages[i].commands);
        bool tells =
            strcmp(pages[i].commands, command) == 0 || cli_family_has(pages[i].commands, command);
        if (tells && length > longest) {
            found = i;
            longest = length;
        }
    }
    return found;
}

/* When what the pages say was changed last: a build anywhere, at any time, gives the same page. */
static const char date[] = "2026-11-26";

static void write_head(FILE *file, const char *name, const char *about)
{
    fputs(".TH ", file);
    cli_page_man_text(file, name, true);
    fprintf(file, " 1 %s \"pyro %s\" \"User Commands\"\n", date, PYRO_VERSION);
    cli_page_man_section(file, "NAME");
    cli_page_man_text(file, name, true);
    fprintf(file, " \\- %s\n", about);
    cli_page_man_section(file, "SYNOPSIS");
}

/* All pages but `except`. */
static void write_see_also(FILE *file, size_t except)
{
    const char *before = "";
    cli_page_man_section(file, "SEE ALSO");
    if (except < ARRAY_SIZE(pages)) {
        fputs(".BR pyro (1)", file);
        before = ",\n";
    }
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        cleanup_free char *name = page_name(pages[i].commands);
        if (i == except || !name)
            continue;
        fprintf(file, "%s.BR ", before);
        cli_page_man_text(file, name, true);
        fputs(" (1)", file);
        before = ",\n";
    }
    fputc('\n', file);
}

/* One line of the synopsis. */
static void write_usage(FILE *file, const struct pyro_operation *operation)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    cli_help_usage(memory, operation);
    if (fclose(memory) == 0)
        cli_page_man_text(file, text, true);
    free(text);
}

static void write_command(const struct cli_page *page, const struct pyro_operation *operation)
{
    cleanup_free char *title = pyro_text_format("pyro %s", operation->cli);
    cli_page_man_section(page->file, title ? title : operation->cli);
    page->format->paragraph(page->file, operation->description);
    cli_help_arguments(page, operation);
    cli_help_examples(page, operation->examples);
}

static void write_page(const struct cli_page *page, size_t index)
{
    cleanup_free char *name = page_name(pages[index].commands);
    const struct pyro_operation *const *at;
    write_head(page->file, name ? name : "pyro", pages[index].about);
    fputs(".nf\n", page->file);
    for (at = pyro_operations; *at; at++) {
        if ((*at)->cli && page_of((*at)->cli) == index)
            write_usage(page->file, *at);
    }
    fputs(".fi\n", page->file);
    for (at = pyro_operations; *at; at++) {
        if ((*at)->cli && page_of((*at)->cli) == index)
            write_command(page, *at);
    }
    cli_page_man_section(page->file, "ENVIRONMENT");
    cli_help_environment(page);
    write_see_also(page->file, index);
}

static void write_first_page(const struct cli_page *page)
{
    write_head(page->file, "pyro", CLI_ABOUT);
    fputs("pyro COMMAND [OPTIONS] [ARGUMENTS]\n", page->file);
    cli_page_man_section(page->file, "DESCRIPTION");
    page->format->paragraph(
        page->file, "Each command works with Linux guests that have a kernel of their own, in a "
                    "jail, and are started by an ordinary user, with KVM or without it.");
    page->format->heading(page->file, "Commands");
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        if ((*at)->cli)
            page->format->entry(page->file, (*at)->cli, (*at)->summary);
    }
    cli_help_statuses(page, NULL);
    cli_help_environment(page);
    cli_help_examples(page, CLI_EXAMPLES);
    write_see_also(page->file, ARRAY_SIZE(pages));
}

static void list_pages(void)
{
    puts("pyro");
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        cleanup_free char *name = page_name(pages[i].commands);
        puts(name ? name : "");
    }
}

/* Whether there is one of that name. */
static bool write_named(const struct cli_page *page, const char *wanted)
{
    if (strcmp(wanted, "pyro") == 0) {
        write_first_page(page);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        cleanup_free char *name = page_name(pages[i].commands);
        if (name && strcmp(name, wanted) == 0) {
            write_page(page, i);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    const struct cli_page page = {stdout, &cli_page_man};
    if (argc < 2) {
        list_pages();
    } else if (!write_named(&page, argv[1])) {
        fprintf(stderr, "pyro-man: there is no page '%s'\n", argv[1]);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
