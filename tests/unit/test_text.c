/* Quoting, nearest names, and UTF-8 out of anything. */
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

int main(void)
{
    test_format();
    test_shell_join();
    test_shell_reads_it_back();
    test_nearest();
    test_utf8();
    return tap_done();
}
