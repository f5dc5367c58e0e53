#include "operation/plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

enum { BELL = 0x07, CANCEL = 0x18, SUBSTITUTE = 0x1a, ESCAPE = 0x1b, DELETE = 0x7f };

/* What has not ended yet, where the text does. */
static const size_t unfinished = SIZE_MAX;

/* How long the run of bytes in that range is. */
static size_t run(const uint8_t *at, size_t size, uint8_t low, uint8_t high)
{
    size_t length = 0;
    while (length < size && at[length] >= low && at[length] <= high)
        length++;
    return length;
}

/* The functions below return how many bytes belong to a sequence whose first `head` bytes say what
 * it is, `unfinished`, or no more than `head` when nothing that could be its own follows. */

/* CSI: parameters and intermediates, then a final byte. */
static size_t control_length(const uint8_t *at, size_t size, size_t head)
{
    size_t length = head + run(at + head, size - head, 0x20, 0x3f);
    if (length == size)
        return unfinished;
    return length + (at[length] >= 0x40 && at[length] <= 0x7e);
}

/* OSC, DCS, APC, PM, SOS: up to BEL or ST. Another escape ends it as well, and is not part of it.
 * Nothing that ends one is before `clear`, which goes on with what was looked through. */
static size_t string_length(const uint8_t *at, size_t size, size_t head, const uint8_t **clear)
{
    size_t begin = *clear > at + head ? (size_t)(*clear - at) : head;
    for (size_t i = begin; i < size; i++) {
        if (at[i] == BELL || at[i] == CANCEL || at[i] == SUBSTITUTE)
            return i + 1;
        if (at[i] == ESCAPE)
            return i + 1 == size ? unfinished : at[i + 1] == '\\' ? i + 2 : i;
        if (at[i] == 0xc2 && i + 1 < size && at[i + 1] == 0x9c)
            return i + 2;
    }
    *clear = at + size - 1; /* which may be half of ST */
    return unfinished;
}

/* `kind` is the letter that says the same behind an ESC: U+009B is ESC [. */
static size_t sequence_length(const uint8_t *at, size_t size, size_t head, uint8_t kind,
                              const uint8_t **clear)
{
    switch (kind) {
    case '[':
        return control_length(at, size, head);
    case ']':
    case 'P':
    case '_':
    case '^':
    case 'X':
        return string_length(at, size, head, clear);
    default:
        return head;
    }
}

static size_t escape_length(const uint8_t *at, size_t size, const uint8_t **clear)
{
    size_t length = 1 + run(at + 1, size - 1, 0x20, 0x2f);
    if (length == size)
        return unfinished;
    if (at[length] < 0x30 || at[length] > 0x7e)
        return length;
    return length > 1 ? length + 1 : sequence_length(at, size, 2, at[1], clear);
}

size_t pyro_escape_length(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text, *clear = at;
    size_t length = escape_length(at, size, &clear);
    return length == unfinished ? 0 : length;
}

/* How many CRs and the LF behind them, if it is there. */
static size_t line_end_length(const uint8_t *at, size_t size)
{
    size_t length = run(at, size, '\r', '\r');
    return length == size ? unfinished : length + (at[length] == '\n');
}

static bool is_c1(const uint8_t *at, size_t size)
{
    return size >= 2 && at[0] == 0xc2 && at[1] <= 0x9f;
}

/* Length of what is no plain text here. */
static size_t special_length(const uint8_t *at, size_t size, const uint8_t **clear)
{
    if (*at == '\r')
        return line_end_length(at, size);
    if (*at == ESCAPE)
        return escape_length(at, size, clear);
    return is_c1(at, size) ? sequence_length(at, size, 2, at[1] - 0x40, clear) : 1;
}

/* What is left of a sequence that is too long, or cut off by the end of all text: its introducer
 * goes in the first case, all of it in the second. */
static size_t given_up_length(const uint8_t *at, size_t size)
{
    if (*at == '\r')
        return size;
    return size < PYRO_PLAIN_LONGEST ? size : 2;
}

static size_t plain_run(const uint8_t *at, size_t size)
{
    size_t length = 0;
    while (length < size && (at[length] >= 0x20 || at[length] == '\n' || at[length] == '\t') &&
           at[length] != DELETE && !is_c1(at + length, size - length))
        length++;
    return length;
}

static size_t take_back(const char *text, size_t size)
{
    size_t before = size;
    while (before > 0 && (text[before - 1] & 0xc0) == 0x80)
        before--;
    if (before > 0)
        before--;
    return size > 0 && text[before] == '\n' ? size : before;
}

/* The final byte of CSI, NUL for anything else. `ret_number`: its first parameter, 1 when there is
 * none. */
static char control_final(const uint8_t *at, size_t length, int *ret_number)
{
    bool is_control = (*at == ESCAPE && length > 2 && at[1] == '[') ||
                      (is_c1(at, length) && at[1] == 0x9b && length > 2);
    if (!is_control)
        return '\0';
    int number = 0;
    if (at[2] >= '<' && at[2] <= '?') /* private: how keys are told, and the like */
        return '\0';
    for (size_t i = 2; i < length && at[i] >= '0' && at[i] <= '9'; i++)
        number = MIN(10 * number + at[i] - '0', 10000);
    *ret_number = MAX(number, 1);
    return (char)at[length - 1];
}

enum move { STAYS, MOVES_TO_LINE, MOVES_ON };

/* Where the cursor goes: up, down, to a place or back to one means another line; to the right, or
 * to a column, that there is a blank between what it leaves and what comes. By one is how a line is
 * edited. */
static enum move move_of(const uint8_t *at, size_t length)
{
    int number;
    char final = control_final(at, length, &number);
    if (length == 2 && at[0] == ESCAPE && at[1] == '8') /* DECRC */
        return MOVES_TO_LINE;
    if (final == '\0')
        return STAYS;
    if (strchr("ABEFHdfu", final) || (strchr("G`", final) && number == 1))
        return MOVES_TO_LINE;
    return strchr("CaG`", final) && number > 1 ? MOVES_ON : STAYS;
}

/* What stands for something special: for most of it nothing. A line that is begun anew before there
 * is anything in it is no other line. */
static size_t put_special(char *text, size_t size, const uint8_t *at, size_t length)
{
    if (*at == '\b')
        return take_back(text, size);
    enum move move = move_of(at, length);
    if (move == MOVES_ON)
        text[size++] = ' ';
    bool moves = move == MOVES_TO_LINE;
    bool anew = (moves || at[length - 1] == '\r') && size > 0 && text[size - 1] == '\n';
    if ((moves || *at == '\r') && !anew)
        text[size++] = '\n';
    return size;
}

char *pyro_plain_text(const char *text, size_t size, size_t most, bool is_end, size_t *ret_used,
                      size_t *ret_size)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + size, *clear = at;
    const uint8_t *last = at + MIN(most, size);
    size_t out_size = 0;
    char *out = malloc(size + 1);
    if (!out)
        return NULL;
    while (at < last) {
        size_t length = plain_run(at, (size_t)(last - at));
        memcpy(out + out_size, at, length);
        out_size += length;
        at += length;
        if (at == last)
            break;
        /* Decided by what is near, so that it does not matter where a reader's parts end. */
        size_t near = MIN((size_t)(end - at), (size_t)PYRO_PLAIN_LONGEST);
        length = special_length(at, near, &clear);
        if (length == unfinished && near < PYRO_PLAIN_LONGEST && !is_end)
            break;
        if (length == unfinished)
            length = given_up_length(at, near);
        out_size = put_special(out, out_size, at, length);
        at += length;
    }
    out[out_size] = '\0';
    *ret_used = size - (size_t)(end - at);
    *ret_size = out_size;
    return out;
}
