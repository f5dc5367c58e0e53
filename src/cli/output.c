/* Writing: raw bytes of a guest, JSON, and text for people. */
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* Waits until `fd` takes something, or a signal came. */
static int wait_writable(int fd, int cancel_fd)
{
    struct pollfd polled[] = {
        {.fd = fd, .events = POLLOUT},
        {.fd = cancel_fd, .events = POLLIN},
    };
    while (poll(polled, ARRAY_SIZE(polled), -1) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return polled[1].revents ? -ECANCELED : 0;
}

/* A pipe that is ready takes PIPE_BUF bytes at once; more than that could block for as long as its
 * reader likes, and a file is always ready. */
static size_t chunk_size(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? 1024 * 1024 : PIPE_BUF;
}

int cli_write(int fd, const void *bytes, size_t size, int cancel_fd)
{
    const char *at = bytes;
    size_t chunk = chunk_size(fd);
    while (size > 0) {
        int r = wait_writable(fd, cancel_fd);
        if (r < 0)
            return r;
        ssize_t put = write(fd, at, MIN(size, chunk));
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        }
    }
    return 0;
}

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
