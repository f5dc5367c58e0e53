/* A terminal's text without what only terminals understand, whole and in parts. */
#include "operation/plain.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/macros.h"
#include "base/text.h"
#include "tap.h"

static void is_plain(const char *text, size_t size, const char *wanted, const char *name)
{
    size_t used, got_size;
    cleanup_free char *got = pyro_plain_text(text, size, size, true, &used, &got_size);
    if (is_text(got, wanted, name))
        is_int(used == size && got_size == strlen(wanted), 1, "all of it");
}

#define PLAIN(text, wanted, name) is_plain(text, sizeof(text) - 1, wanted, name)

static void test_whole(void)
{
    PLAIN("", "", "nothing");
    PLAIN("plain ä€😀\ttext\n", "plain ä€😀\ttext\n", "text stays");
    PLAIN("\033[1;31mred\033[0m\033[?25l\033[2 q\033[K.", "red.", "CSI");
    PLAIN("\033]0;a title\a$ \033]8;;http://x\033\\link\033]8;;\033\\", "$ link", "OSC");
    PLAIN("\033P1$r0m\033\\a\033_app\033\\b\033^pm\033\\c\033Xsos\033\\d", "abcd", "other strings");
    PLAIN("\033]0;title\033[1mbold", "bold", "a string that another sequence ends");
    PLAIN("\033]0;title\x18none", "none", "or CAN");
    PLAIN("\033(Ba\033=b\0337c\033#8d\033Me\033cf", "abcdef", "short escapes");
    PLAIN("a\xc2\x9b"
          "1mb\xc2\x9dtitle\xc2\x9c"
          "c\xc2\x85"
          "d\xc2\xa0\xc2\xbf",
          "abcd\xc2\xa0\xc2\xbf", "C1 controls");
    PLAIN("a\0\001\a\013\014\016\177b", "ab", "other controls");
    PLAIN("a\r\nb\r\r\nc\rd\r\r", "a\nb\nc\nd\n", "carriage returns");
    PLAIN("\033[2J\033[Ha\033[5;1Hb\033[2;3fc\033[1Ad\xc2\x9b"
          "7de\n\033[9Hf\033[3Cg\033[Kh\033[0J",
          "\na\nb\nc\nd\ne\nf gh", "places on a screen");
    PLAIN("name\033[20Gsize\033[11C4%\xc2\x9b"
          "9`x\033[C\033[1Cy",
          "name size 4% xy", "places in a line");
    PLAIN("ab\033[>1ucd\033[<u\033[?u\033[=5u\033[?25G.", "abcd.", "what is private is none");
    PLAIN("\033[s50%\033[ux\0337y\0338z\033[1Ganew\n\033[Gw", "50%\nxy\nz\nanew\nw",
          "back to a place");
    PLAIN("axä\b\b\bb\n\bc\b\b\bd", "b\nd", "backspace takes back, but no line break");
    PLAIN("\b\ba", "a", "nor what is not there");
    PLAIN("\033[1\nx\033[ä\033\033[0my\033\nz", "\nxäy\nz", "sequences that are broken off");
    PLAIN("a\033[12", "a", "a sequence that the end cuts off");
    PLAIN("a\033]0;title", "a", "a string as well");
    PLAIN("a\033", "a", "a lone escape");
    PLAIN("$ ls\r\n\033[?2004l\rout\r\n", "$ ls\nout\n", "a line begun anew");
}

/* Each part goes on where the one before stopped, as a reader with a cursor does it. To be freed.
 */
static char *in_parts(const char *text, size_t size, size_t split)
{
    size_t used, first_size, rest_used, rest_size;
    cleanup_free char *first = pyro_plain_text(text, split, split, false, &used, &first_size);
    cleanup_free char *rest =
        first ? pyro_plain_text(text + used, size - used, size - used, true, &rest_used, &rest_size)
              : NULL;
    return rest && used <= split ? pyro_text_format("%s%s", first, rest) : NULL;
}

static void is_same_in_parts(const char *text, size_t size, const char *name)
{
    size_t used, whole_size;
    cleanup_free char *whole = pyro_plain_text(text, size, size, true, &used, &whole_size);
    int failed = 0;
    for (size_t split = 0; split <= size; split++) {
        if (split < size && (text[split] & 0xc0) == 0x80)
            continue; /* text ends with a whole character */
        cleanup_free char *parts = in_parts(text, size, split);
        if ((!whole || !parts || strcmp(parts, whole) != 0) && failed++ == 0)
            printf("# split at %zu: '%s'\n", split, parts ? parts : "(null)");
    }
    is_int(failed, 0, name);
}

static void test_parts(void)
{
    static const char sample[] =
        "a\033[1;31mä\033[0m\r\nb\r\r\rc\rd\033]0;title\a€\033]8;;x\033\\l\033(B\033=\033#"
        "8\033\033[m"
        "\033[7;2Hp\033[Aq\033Pq\033[1mx\xc2\x9b"
        "0me\xc2\x9dt\xc2\x9c"
        "f\033[1\ng\033]t\xc2\x9c\033]u\x1ah\033_i\033\\j\001\033[?2004h$ \r";
    is_same_in_parts(sample, sizeof(sample) - 1, "any split yields the same text");
    char text[3 * PYRO_PLAIN_LONGEST];
    memset(text, 'x', sizeof(text));
    memcpy(text, "begin\033]", 7);
    text[sizeof(text) - 10] = '\a';
    is_same_in_parts(text, sizeof(text), "a string that is too long");
    memset(text + 7, 'x', sizeof(text) - 7);
    memset(text + 100, '\r', PYRO_PLAIN_LONGEST - 1);
    is_same_in_parts(text, sizeof(text), "more carriage returns than anybody needs");
    memcpy(text, "begin\033[", 7);
    memset(text + 7, '1', sizeof(text) - 7);
    is_same_in_parts(text, sizeof(text), "parameters without end");
}

/* As a reader does it who lets so few characters through at a time. To be freed. */
static char *in_small_parts(const char *text, size_t size, uint64_t characters, int *failed)
{
    char *whole = strdup("");
    for (size_t at = 0, used, got_size; whole && at < size; at += used) {
        uint64_t left = characters, beyond = PYRO_PLAIN_LONGEST;
        size_t most = pyro_text_pass(text + at, size - at, &left);
        size_t seen = most + pyro_text_pass(text + at + most, size - at - most, &beyond);
        cleanup_free char *before = whole;
        cleanup_free char *got =
            pyro_plain_text(text + at, seen, most, at + seen == size, &used, &got_size);
        *failed += !got || used < most || pyro_text_count(got, got_size) > characters;
        whole = got ? pyro_text_format("%s%s", before, got) : NULL;
        if (used == 0)
            break;
    }
    return whole;
}

static void test_most(void)
{
    static const char sample[] =
        "\033]0;root@workspace: a title that is longer than what is let through\a$ "
        "\033[1;38;5;208mcol\xc3\xb6ur\033[0m\r\n50%\r100%\r\n\033]0;no end";
    size_t used, size;
    cleanup_free char *whole =
        pyro_plain_text(sample, sizeof(sample) - 1, sizeof(sample) - 1, true, &used, &size);
    int failed = 0;
    for (uint64_t characters = 1; characters < 100; characters++) {
        cleanup_free char *parts = in_small_parts(sample, sizeof(sample) - 1, characters, &failed);
        failed += !parts || !whole || strcmp(parts, whole) != 0;
    }
    is_int(failed, 0, "parts of few characters yield the same text");
}

/* What begins over and over and never ends is looked through once: this would take most of a
 * minute. */
static void test_many_strings(void)
{
    enum { SIZE = 16 << 20 };
    size_t used, size;
    cleanup_free char *text = malloc(SIZE);
    for (size_t i = 0; text && i < SIZE; i += 2)
        memcpy(text + i, "\xc2\x9d", 2);
    cleanup_free char *plain = text ? pyro_plain_text(text, SIZE, SIZE, false, &used, &size) : NULL;
    ok(plain && size == 0 && used > SIZE - PYRO_PLAIN_LONGEST, "many strings without end");
}

static void is_used(const char *text, size_t size, size_t wanted, const char *name)
{
    size_t used, got_size;
    cleanup_free char *got = pyro_plain_text(text, size, size, false, &used, &got_size);
    ok(got && used == wanted, "%s", name);
    if (used != wanted)
        printf("# %zu bytes\n", used);
}

static void test_unfinished(void)
{
    is_used("ab", 2, 2, "whole text is used");
    is_used("ab\r", 3, 2, "half of CR LF is not");
    is_used("ab\033", 3, 2, "nor a lone escape");
    is_used("ab\033[3", 5, 2, "nor half a sequence");
    is_used("\033]0;ti\033", 7, 0, "nor half a string");
    char text[PYRO_PLAIN_LONGEST];
    memset(text, 'x', sizeof(text));
    memcpy(text, "\033]", 2);
    is_used(text, sizeof(text) - 1, 0, "a string may be that long");
    is_used(text, sizeof(text), sizeof(text), "but no longer");
}

/* Sequences without sense: parts of any size use it all up, and nothing of them is left. */
static void test_noise(void)
{
    static const char letters[] = "\033\033\033[]P\\(#0;m\a\r\n\b\x18x~ ";
    char text[20000];
    int failed = 0;
    for (int round = 0; round < 100; round++) {
        srand((unsigned)round);
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
        size_t at = 0, part = 1 + (size_t)rand() % 3000;
        for (size_t held = 0; at < sizeof(text);) {
            size_t size = MIN(held + part, sizeof(text) - at), used, got_size;
            bool is_end = at + size == sizeof(text);
            cleanup_free char *got =
                pyro_plain_text(text + at, size, size, is_end, &used, &got_size);
            failed += !got || strlen(got) != got_size || strpbrk(got, "\033\r\a\b\x18") != NULL;
            failed += size - used >= PYRO_PLAIN_LONGEST || (is_end && used != size);
            held = size - used;
            at += used;
        }
    }
    is_int(failed, 0, "noise");
}

int main(void)
{
    test_whole();
    test_parts();
    test_unfinished();
    test_most();
    test_many_strings();
    test_noise();
    return tap_done();
}
