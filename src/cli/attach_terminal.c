#include "cli/attach_terminal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/wait.h"

/* What a program that was left in the middle may have switched on: reports of the mouse, of its
 * coordinates in other forms and of the focus, bracketed paste, other codes for keys, a scrolling
 * region; and a cursor that it switched off (xterm's control sequences). */
static const char reset[] = "\033[?1000;1002;1003;1004;1005;1006;1015;2004l\033[>4m\033[?1l\033>"
                            "\0337\033[r\0338\033[?25h\033[0m";

/* For a signal handler, which has nothing else to know it by. */
static struct termios before;

static void restore_terminal(void)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before); /* waits for no terminal that was stopped */
}

static void die_restored(int number)
{
    ssize_t ignored = write(STDOUT_FILENO, reset, strlen(reset));
    (void)ignored;
    restore_terminal();
    signal(number, SIG_DFL);
    raise(number);
}

/* What ends a program without its consent; those that ask it to end come by cli->cancel_fd. */
static void guard_terminal(void)
{
    static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSYS};
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        signal(fatal[i], die_restored);
    signal(SIGTSTP, SIG_IGN); /* stopped, it would keep the terminal as it is now */
}

int cli_terminal_make_raw(void)
{
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -errno;
    struct termios raw = before;
    cfmakeraw(&raw);
    guard_terminal();
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0 ? -errno : 0;
}

void cli_terminal_put(const char *text, size_t size)
{
    pyro_fd_write_patiently(STDOUT_FILENO, text, size, -1);
}

void cli_terminal_restore(void)
{
    cli_terminal_put(reset, strlen(reset));
    restore_terminal();
}
