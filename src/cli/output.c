/* Writing: raw bytes of a guest, JSON, and text for people. */
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Control characters but newline become '?'; so do the two-byte ones (U+0080 to U+009F). */
static void make_harmless(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if ((*at < 0x20 && *at != '\n') || *at == 0x7f)
            *at = '?';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
            at[0] = at[1] = '?';
    }
}

void cli_print(FILE *file, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    make_harmless(text);
    fputs(text, file);
    free(text);
}

void cli_print_json(const json_t *value)
{
    size_t layout = isatty(STDOUT_FILENO) ? JSON_INDENT(2) : 0;
    json_dumpf(value, stdout, layout | JSON_REAL_PRECISION(15));
    putchar('\n');
}

bool cli_shows_utf8(FILE *file)
{
    if (!isatty(fileno(file)))
        return false;
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool cli_shows_colour(FILE *file)
{
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(file)) && !(refused && *refused) && terminal &&
           strcmp(terminal, "dumb") != 0;
}
