/* Quoting, nearest names, and UTF-8 out of anything. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "tap.h"

static void test_format(void)
{
    cleanup_free char *text = pyro_text_format("%s-%d", "a", 1);
    is_text(text, "a-1", "a formatted string");
}

static void is_joined(const char *const *words, size_t count, const char *wanted)
{
    cleanup_free char *text = pyro_text_shell_join(words, count);
    is_text(text, wanted, "words quoted and joined");
}

static void test_shell_join(void)
{
    is_joined((const char *[]){"git", "--version"}, 2, "git --version");
    is_joined((const char *[]){"a b", "", "c"}, 3, "'a b' '' c");
    is_joined((const char *[]){"it's", "$HOME", "*", "a;b", "\n", "~", "#"}, 7,
              "'it'\\''s' '$HOME' '*' 'a;b' '\n' '~' '#'");
    is_joined((const char *[]){"'''"}, 1, "''\\'''\\'''\\'''");
    is_joined(NULL, 0, "");
}

/* Whatever the words are, a shell reads back the same ones. */
static void test_shell_reads_it_back(void)
{
    char bytes[256];
    for (int i = 1; i < 256; i++)
        bytes[i - 1] = (char)i;
    bytes[255] = '\0';
    const char *words[] = {"printf", "%s|", bytes, "", "-n", "it's"};
    cleanup_free char *line = pyro_text_shell_join(words, ARRAY_SIZE(words));
    char got[600] = "", wanted[600];
    snprintf(wanted, sizeof(wanted), "%s||-n|it's|", bytes);
    FILE *shell = line ? popen(line, "r") : NULL;
    if (shell) {
        got[fread(got, 1, sizeof(got) - 1, shell)] = '\0';
        pclose(shell);
    }
    ok(strcmp(got, wanted) == 0, "a shell reads every byte back");
}

static void is_nearest(const char *word, const char *wanted)
{
    static const char *const names[] = {"debian:12", "debian:12-base", "debian:12-build", "run",
                                        NULL};
    cleanup_free char *text = pyro_text_nearest(word, names);
    is_text(text, wanted, word);
}

static void test_nearest(void)
{
    is_nearest("debian:11", "debian:12, debian:12-base or debian:12-build");
    is_nearest("rn", "run");
    is_nearest("ubuntu:22.04", "");
    is_nearest("debian:12-bas", "debian:12-base, debian:12 or debian:12-build");
    is_nearest("", "");
    char *long_word = calloc(1, 100000);
    memset(long_word, 'x', 99999);
    is_nearest(long_word, "");
    free(long_word);
}

static void is_utf8(const char *bytes, size_t size, const char *wanted, size_t wanted_size)
{
    size_t got_size = 0;
    cleanup_free char *text = pyro_text_to_utf8(bytes, size, &got_size);
    ok(text && got_size == wanted_size && memcmp(text, wanted, got_size) == 0 &&
           text[got_size] == '\0',
       "UTF-8 of %zu bytes", size);
}

#define UTF8(bytes, wanted) is_utf8(bytes, sizeof(bytes) - 1, wanted, sizeof(wanted) - 1)
#define R "\xef\xbf\xbd"

static void test_utf8(void)
{
    UTF8("", "");
    UTF8("plain\0with NUL", "plain\0with NUL");
    UTF8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5");
    UTF8("\x80\xff", R R);
    UTF8("\xc0\xaf", R R);             /* overlong */
    UTF8("\xed\xa0\x80", R R R);       /* a surrogate */
    UTF8("\xf4\x90\x80\x80", R R R R); /* above U+10FFFF */
    UTF8("\xe2\x82", R);               /* cut off: one for the whole part */
    UTF8("\xf0\x9f\x94x", R "x");
    UTF8("a\xf1\x80\x80\xe1\x80\xc2"
         "b\x80"
         "c\x80\xbf"
         "d",
         "a" R R R "b" R "c" R R "d"); /* Unicode 15, table 3-8 */
}

static void is_unfinished(const char *bytes, size_t wanted)
{
    size_t size = strlen(bytes);
    is_int(pyro_text_unfinished(bytes, size), wanted, "bytes of an unfinished character");
    is_int(pyro_text_valid(bytes, size), size - wanted, "and those before it are good");
}

static void test_unfinished(void)
{
    is_unfinished("", 0);
    is_unfinished("a", 0);
    is_unfinished("\xc3\xa4", 0);
    is_unfinished("\xf0\x9f\x94\xa5", 0);
    is_unfinished("a\xc3", 1);
    is_unfinished("a\xe2\x82", 2);
    is_unfinished("a\xf0\x9f\x94", 3);
    is_int(pyro_text_unfinished("\xff", 1), 0, "what begins no character");
    is_int(pyro_text_unfinished("\xe0\x80", 2), 0, "what cannot go on");
    is_int(pyro_text_unfinished("\x80\x80\x80\x80", 4), 0, "what never began");
}

static size_t count_slowly(const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] < 0x80 || bytes[i] > 0xbf;
    return count;
}

static void test_count(void)
{
    enum { SIZE = 3 * 255 * 8 };
    static uint8_t bytes[SIZE];
    int failed = 0;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)rand();
    for (size_t start = 0; start < 9; start++)
        for (size_t size = 0; size + start <= SIZE; size += 1 + size / 100)
            failed += pyro_text_count(bytes + start, size) != count_slowly(bytes + start, size);
    is_int(failed, 0, "characters of any text");
    memset(bytes, 0x80, SIZE);
    is_int(pyro_text_count(bytes, SIZE), 0, "none in what only continues");
    is_int(pyro_text_count("a\xc3\xa4\xe2\x82\xac", 6), 3, "three characters");
}

/* One byte after a long run of good ones, at every place of a word. */
static void test_valid(void)
{
    char text[80];
    int failed = 0;
    for (size_t at = 0; at < sizeof(text); at++) {
        memset(text, 'x', sizeof(text));
        text[at] = '\xff';
        failed += pyro_text_valid(text, sizeof(text)) != at;
    }
    is_int(failed, 0, "a broken byte is found wherever it is");
}

/* Every sequence of three bytes that begins with one of 0xe0 to 0xef, by its code point. */
static void test_three(void)
{
    int failed = 0;
    for (unsigned i = 0; i < 1u << 20; i++) {
        uint8_t bytes[] = {(uint8_t)(0xe0 | i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        unsigned point = (i >> 16) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
        bool good = bytes[1] >> 6 == 2 && bytes[2] >> 6 == 2 && point >= 0x800 &&
                    (point < 0xd800 || point > 0xdfff);
        failed += (pyro_text_valid(bytes, 3) == 3) != good;
    }
    is_int(failed, 0, "sequences of three bytes");
}

int main(void)
{
    test_format();
    test_shell_join();
    test_shell_reads_it_back();
    test_nearest();
    test_utf8();
    test_unfinished();
    test_count();
    test_valid();
    test_three();
    return tap_done();
}
