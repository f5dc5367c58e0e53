/* What a terminal is shown again: nothing that it would answer, and on the right screen. */
#include "cli/attach_screen.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tap.h"

static void is_silenced(const char *text, const char *wanted, const char *name)
{
    cleanup_free char *copy = strdup(text);
    if (!copy)
        exit(1);
    copy[cli_screen_silence(copy, strlen(copy))] = '\0';
    is_text(copy, wanted, name);
}

static void test_silence(void)
{
    is_silenced("plain \033[1;31mred\033[0m\033[H\033[2J\033[3;4r",
                "plain \033[1;31mred\033[0m\033[H\033[2J\033[3;4r", "what draws stays");
    is_silenced("a\033[6n\033[5n\033[?6nb", "ab", "reports of the cursor");
    is_silenced("a\033[c\033[0c\033[>c\033[=cb", "ab", "and of the device");
    is_silenced("a\033[14t\033[?2026$p\033[>q\033[?ub", "ab",
                "of window, modes, version, keyboard");
    is_silenced("a\033[2 q\033[!p\033[u\033[>4;2mb", "a\033[2 q\033[!p\033[u\033[>4;2mb",
                "what looks alike stays");
    is_silenced("a\033]11;?\a\033]4;1;?\033\\b", "ab", "colours that are asked for");
    is_silenced("a\033]0;really?\a\033]8;;http://x/?y\033\\b",
                "a\033]0;really?\a\033]8;;http://x/?y\033\\b", "titles and links stay");
    is_silenced("a\033P$qm\033\\\033P+q544e\033\\\005b", "ab", "settings, capabilities and ENQ");
    is_silenced("a\033[6", "a\033[6", "what is not complete stays");
    is_silenced("a\033", "a\033", "to the last");
    is_silenced("a\033]11;?", "a\033]11;?", "also a string");
}

static bool is_alternate_after(struct cli_screen *screen, const char *text)
{
    cli_screen_follow(screen, text, strlen(text));
    return screen->is_alternate;
}

static void test_follow(void)
{
    struct cli_screen screen = {0};
    ok(!is_alternate_after(&screen, "text\033[?104"), "half a sequence changes nothing");
    ok(is_alternate_after(&screen, "9h"), "its other half does");
    ok(is_alternate_after(&screen, "\033[?1048l\033[?25l"), "others do not");
    ok(!is_alternate_after(&screen, "\033\033[?1049l"), "back again");
}

int main(void)
{
    test_silence();
    test_follow();
    return tap_done();
}
