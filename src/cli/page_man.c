/* Help as roff with the man macros. */
#include <string.h>

#include "cli/page.h"

/* One word or run of spaces, at the start of a line or not. */
static void print_word(FILE *file, const char *word, size_t length, bool is_literal)
{
    bool is_typed = is_literal || *word == '-' || *word == '`';
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '\\')
            fputs("\\e", file);
        else if (word[i] == '-' && is_typed)
            fputs("\\-", file);
        else
            fputc(word[i], file);
    }
}

void cli_page_man_text(FILE *file, const char *text, bool is_literal)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", file);
    while (*text) {
        size_t length = strcspn(text, " "), spaces = strspn(text + length, " ");
        print_word(file, text, length, is_literal);
        fprintf(file, "%.*s", (int)spaces, text + length);
        text += length + spaces;
    }
}

void cli_page_man_section(FILE *file, const char *title)
{
    fprintf(file, ".SH %s\n", title);
}

static void heading(FILE *file, const char *title)
{
    fprintf(file, ".SS %s\n", title);
}

static void paragraph(FILE *file, const char *text)
{
    cli_page_man_text(file, text, false);
    fputc('\n', file);
}

static void entry(FILE *file, const char *name, const char *text)
{
    fputs(".TP\n\\fB", file);
    cli_page_man_text(file, name, true);
    fputs("\\fR\n", file);
    paragraph(file, text);
}

static void print_lines(FILE *file, const char *lines)
{
    fputs(".nf\n", file);
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        if (*lines == '.' || *lines == '\'')
            fputs("\\&", file);
        print_word(file, lines, length, true);
        fputc('\n', file);
        lines += length + (lines[length] == '\n');
    }
    fputs(".fi\n", file);
}

const struct cli_page_format cli_page_man = {heading, paragraph, entry, print_lines};
