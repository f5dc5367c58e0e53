#include "cli/attach_screen.h"

#include <string.h>

enum { ENQUIRY = 0x05, BELL = 0x07, ESCAPE = 0x1b };

void cli_screen_follow(struct cli_screen *screen, const char *bytes, size_t size)
{
    static const char leave[] = CLI_SCREEN_LEAVE; /* whose last is `h` to enter */
    const size_t last = strlen(leave) - 1;
    for (size_t i = 0; i < size; i++) {
        if (screen->matched == last && (bytes[i] == 'h' || bytes[i] == 'l'))
            screen->is_alternate = bytes[i] == 'h';
        if (screen->matched < last && bytes[i] == leave[screen->matched])
            screen->matched++;
        else
            screen->matched = bytes[i] == leave[0];
    }
}

/* The functions below return the length of a sequence that asks something, or 0: it asks nothing,
 * or is not complete. */

/* CSI: reports of device and cursor (c, n), of the window (t), of modes ($p), of the version (>q)
 * and of the keyboard (?u). */
static size_t control_query(const char *text, size_t size)
{
    size_t at = 2;
    while (at < size && text[at] >= 0x20 && text[at] <= 0x3f)
        at++;
    if (at == size)
        return 0;
    char first = text[2], before = text[at - 1];
    bool asks = strchr("cnt", text[at]) || (text[at] == 'p' && before == '$') ||
                (text[at] == 'q' && first == '>') || (text[at] == 'u' && first == '?');
    return asks && text[at] != '\0' ? at + 1 : 0;
}

/* OSC that asks has a ? where a value could be; all of DCS that programs send asks. */
static size_t string_query(const char *text, size_t size)
{
    bool asks = text[1] == 'P';
    for (size_t at = 2; at < size; at++) {
        if (text[at] == BELL)
            return asks ? at + 1 : 0;
        if (text[at] == ESCAPE)
            return asks && at + 1 < size && text[at + 1] == '\\' ? at + 2 : 0;
        asks |= text[at] == '?' && text[at - 1] == ';';
    }
    return 0;
}

static size_t query_length(const char *text, size_t size)
{
    if (*text == ENQUIRY)
        return 1;
    if (*text != ESCAPE || size < 3)
        return 0;
    if (text[1] == '[')
        return control_query(text, size);
    return text[1] == ']' || text[1] == 'P' ? string_query(text, size) : 0;
}

size_t cli_screen_silence(char *text, size_t size)
{
    size_t kept = 0, length;
    for (size_t at = 0; at < size; at += length) {
        length = query_length(text + at, size - at);
        if (length == 0) {
            text[kept++] = text[at];
            length = 1;
        }
    }
    return kept;
}
