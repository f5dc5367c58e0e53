#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *pyro_text_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

static bool is_plain(const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "@%+=:,./-_";
    return *word != '\0' && word[strspn(word, safe)] == '\0';
}

static char *put_quoted(char *at, const char *word)
{
    if (is_plain(word))
        return stpcpy(at, word);
    *at++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            at = stpcpy(at, "'\\''");
        else
            *at++ = *word;
    }
    *at++ = '\'';
    *at = '\0';
    return at;
}

char *pyro_text_shell_join(const char *const *words, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(words[i]) * 4 + 3;
    char *text = malloc(size), *at = text;
    if (!text)
        return NULL;
    *at = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ' ';
        at = put_quoted(at, words[i]);
    }
    return text;
}

/* Edits between two short words: insert, delete, replace, swap of neighbours (optimal string
 * alignment). */
static unsigned distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t length = strnlen(b, LONGEST);
    unsigned rows[3][LONGEST + 1];
    for (size_t j = 0; j <= length; j++)
        rows[0][j] = (unsigned)j;
    size_t i = 0;
    for (; a[i] && i < LONGEST; i++) {
        unsigned *before = rows[(i + 2) % 3], *above = rows[i % 3], *row = rows[(i + 1) % 3];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < length; j++) {
            unsigned replaced = above[j] + (a[i] != b[j]);
            row[j + 1] = MIN(replaced, MIN(row[j], above[j + 1]) + 1);
            if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
                row[j + 1] = MIN(row[j + 1], before[j - 1] + 1);
        }
    }
    return rows[i % 3][length];
}

char *pyro_text_nearest(const char *word, const char *const *names)
{
    enum { MOST = 3 };
    const char *best[MOST] = {NULL};
    unsigned scores[MOST] = {0};
    size_t found = 0;
    for (; *names; names++) {
        unsigned score = distance(word, *names);
        bool prefix = strlen(word) >= 2 && strncmp(word, *names, strlen(word)) == 0;
        if (prefix)
            score = 0;
        if (score > strlen(*names) / 2)
            continue;
        size_t at = MIN(found, (size_t)MOST - 1);
        if (found == MOST && score >= scores[at])
            continue;
        found = MIN(found + 1, (size_t)MOST);
        for (; at > 0 && scores[at - 1] > score; at--) {
            best[at] = best[at - 1];
            scores[at] = scores[at - 1];
        }
        best[at] = *names;
        scores[at] = score;
    }
    switch (found) {
    case 0:
        return strdup("");
    case 1:
        return strdup(best[0]);
    case 2:
        return pyro_text_format("%s or %s", best[0], best[1]);
    default:
        return pyro_text_format("%s, %s or %s", best[0], best[1], best[2]);
    }
}

/* Length of the valid sequence at `at`, or 0; `ret_broken` is how many bytes one U+FFFD replaces.
 */
static size_t utf8_length(const uint8_t *at, size_t left, size_t *ret_broken)
{
    *ret_broken = 1;
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    uint8_t low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < length; i++) {
        if (i >= left || at[i] < low || at[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
        *ret_broken = i + 1;
    }
    return length;
}

/* Each bit `0x01` of a word is a byte's lowest. */
static const uint64_t every_byte = 0x0101010101010101;

static uint64_t load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* How many bytes at the start are ASCII. Most text is little else. */
static size_t ascii_run(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (size - at >= 16 &&
           ((load_word(bytes + at) | load_word(bytes + at + 8)) & every_byte << 7) == 0)
        at += 16;
    while (at < size && bytes[at] < 0x80)
        at++;
    return at;
}

/* True for a valid sequence of three bytes, without a branch for each of them: whole scripts are
 * written in such. */
static bool is_three(const uint8_t *at, size_t left)
{
    if (left < 3)
        return false;
    uint32_t bytes = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
    uint32_t top = bytes & 0x0f2000; /* of the code point: 0 is overlong, 0xd800 a surrogate */
    return (bytes & 0xf0c0c0) == 0xe08080 && top != 0 && top != 0x0d2000;
}

size_t pyro_text_valid(const void *bytes, size_t size)
{
    const uint8_t *text = bytes;
    size_t at = 0, broken;
    while (at < size) {
        size_t length = text[at] < 0x80 ? ascii_run(text + at, size - at)
                        : is_three(text + at, size - at)
                            ? 3
                            : utf8_length(text + at, size - at, &broken);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

char *pyro_text_to_utf8(const void *bytes, size_t size, size_t *ret_size)
{
    const uint8_t *at = bytes, *end = at + size;
    char *text = malloc(size * 3 + 1), *out = text;
    if (!text)
        return NULL;
    while (at < end) {
        size_t broken, length = pyro_text_valid(at, (size_t)(end - at));
        out = mempcpy(out, at, length);
        at += length;
        if (at == end)
            break;
        utf8_length(at, (size_t)(end - at), &broken);
        out = mempcpy(out, "\xef\xbf\xbd", 3);
        at += broken;
    }
    *out = '\0';
    if (ret_size)
        *ret_size = (size_t)(out - text);
    return text;
}

/* True when these bytes are the first of a character and some of its bytes are missing. */
static bool is_begun(const uint8_t *at, size_t left)
{
    size_t broken;
    return *at >= 0xc2 && *at <= 0xf4 && utf8_length(at, left, &broken) == 0 && broken == left;
}

size_t pyro_text_unfinished(const void *bytes, size_t size)
{
    const uint8_t *end = (const uint8_t *)bytes + size;
    for (size_t back = 1; back <= MIN(size, (size_t)3); back++) {
        if (end[-(ptrdiff_t)back] >= 0xc0)
            return is_begun(end - back, back) ? back : 0;
        if (end[-(ptrdiff_t)back] < 0x80)
            break;
    }
    return 0;
}

/* In words, at most 255: a sum of its own for each byte's place, added up at the end. */
static size_t count_continuations(const uint8_t *at, size_t words)
{
    static const uint64_t every_other = 0x00ff00ff00ff00ff;
    uint64_t sums = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word = load_word(at + i * 8);
        sums += word >> 7 & ~word >> 6 & every_byte; /* 10xxxxxx */
    }
    sums = (sums & every_other) + (sums >> 8 & every_other);
    return (size_t)(sums * 0x0001000100010001 >> 48);
}

size_t pyro_text_continued(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    size_t count = 0;
    while (count < MIN(size, (size_t)3) && (at[count] & 0xc0) == 0x80)
        count++;
    return count;
}

size_t pyro_text_count(const void *bytes, size_t size)
{
    const uint8_t *text = bytes;
    size_t at = 0, count = size;
    while (size - at >= 8) {
        size_t words = MIN((size - at) / 8, (size_t)255);
        count -= count_continuations(text + at, words);
        at += words * 8;
    }
    for (; at < size; at++)
        count -= (text[at] & 0xc0) == 0x80;
    return count;
}

size_t pyro_text_pass(const void *bytes, size_t size, uint64_t *left)
{
    enum { STEP = 256 };
    const uint8_t *text = bytes;
    size_t at = 0, count;
    while (size - at >= STEP && (count = pyro_text_count(text + at, STEP)) <= *left) {
        *left -= count;
        at += STEP;
    }
    for (; at < size; at++) {
        bool begins = (text[at] & 0xc0) != 0x80;
        if (begins && *left == 0)
            break;
        *left -= begins;
    }
    return at;
}
