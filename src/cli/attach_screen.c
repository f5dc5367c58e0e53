#include "cli/attach_screen.h"

#include <string.h>

#include "base/macros.h"
#include "operation/plain.h"

enum { ENQUIRY = 0x05, ESCAPE = 0x1b };

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

/* CSI: reports of device and cursor (c, n), of the window (t), of modes ($p), of the version (>q)
 * and of the keyboard (?u). */
static bool control_asks(const char *sequence, size_t size)
{
    char first = sequence[2], before = sequence[size - 2];
    switch (sequence[size - 1]) {
    case 'c':
    case 'n':
    case 't':
        return true;
    case 'p':
        return before == '$';
    case 'q':
        return first == '>';
    case 'u':
        return first == '?';
    default:
        return false;
    }
}

/* OSC asks by a ? in the place of a value; all of DCS that programs send asks. */
static bool asks(const char *sequence, size_t size)
{
    if (size < 3)
        return false;
    if (sequence[1] == '[')
        return control_asks(sequence, size);
    return sequence[1] == 'P' || (sequence[1] == ']' && memmem(sequence, size, ";?", 2));
}

size_t cli_screen_silence(char *text, size_t size)
{
    size_t kept = 0, length;
    for (size_t at = 0; at < size; at += length) {
        length = text[at] == ESCAPE ? pyro_escape_length(text + at, size - at) : 0;
        bool is_silent = text[at] != ENQUIRY && !asks(text + at, length);
        length = MAX(length, (size_t)1);
        if (is_silent)
            memmove(text + kept, text + at, length);
        kept += is_silent ? length : 0;
    }
    return kept;
}
