#include "mcp/note.h"

#include <stdarg.h>
#include <stdio.h>

void pyro_mcp_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("pyro mcp serve: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
