/* Help for a terminal: 80 columns, entries in two of them. */
#include <string.h>

#include "cli/page.h"

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

static void heading(FILE *file, const char *title)
{
    fprintf(file, "\n%s:\n", title);
}

static void paragraph(FILE *file, const char *text)
{
    wrap(file, text, 0, 0);
}

static void entry(FILE *file, const char *name, const char *text)
{
    int printed = fprintf(file, "%*s%s", INDENT, "", name);
    if (printed >= COLUMN)
        fprintf(file, "\n%*s", COLUMN, "");
    else
        fprintf(file, "%*s", COLUMN - printed, "");
    wrap(file, text, COLUMN, COLUMN);
}

static void print_lines(FILE *file, const char *lines)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        fprintf(file, "%*s%.*s\n", INDENT, "", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

const struct cli_page_format cli_page_text = {heading, paragraph, entry, print_lines};
