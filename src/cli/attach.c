/* `pyro workspace shell attach`: this terminal becomes that of a shell, until Ctrl-] or the shell's
 * end. It is made of the operations that everybody has: read, write, resize. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "base/wait.h"
#include "cli/attach.h"

enum {
    LEAVE = 0x1d,        /* Ctrl-] */
    REPLAY_CHARS = 8192, /* of what was shown before */
    WAIT_MS = 60 * 1000,
    EXIT_FAILED = 125,
};

/* What a program that was left in the middle may have switched on: mouse reports, bracketed paste;
 * and a cursor that it switched off (xterm's control sequences). */
static const char reset[] = "\033[?1000l\033[?1002l\033[?1003l\033[?2004l\033[?25h\033[0m";
/* Back from the alternate screen. On the other one it would move the cursor. */
static const char leave_screen[] = "\033[?1049l";

/* Follows which of the two screens is shown. */
struct screen {
    bool is_alternate;
    size_t matched; /* characters of leave_screen, whose last is `h` to enter, that came last */
};

struct attachment {
    struct cli *cli;
    struct pyro_context *context;
    const json_t *given; /* workspace_id, shell_id */
    int wake_fd;         /* readable when there is something else to do than to read the shell */
    int resized_fd;
    int64_t cursor;
    bool runs;
    struct screen screen;
};

/* For a signal handler, which has nothing else to know it by. */
static struct termios before;

static void restore_terminal(void)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before); /* waits for no terminal that was stopped */
}

static void die_restored(int number)
{
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

static int make_raw(void)
{
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -errno;
    struct termios raw = before;
    cfmakeraw(&raw);
    guard_terminal();
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0 ? -errno : 0;
}

static void follow_screen(struct screen *screen, const char *bytes, size_t size)
{
    const size_t last = strlen(leave_screen) - 1;
    for (size_t i = 0; i < size; i++) {
        if (screen->matched == last && (bytes[i] == 'h' || bytes[i] == 'l'))
            screen->is_alternate = bytes[i] == 'h';
        if (screen->matched < last && bytes[i] == leave_screen[screen->matched])
            screen->matched++;
        else
            screen->matched = bytes[i] == leave_screen[0];
    }
}

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct attachment *attachment = userdata;
    (void)stream;
    follow_screen(&attachment->screen, bytes, size);
    return pyro_fd_write_patiently(STDOUT_FILENO, bytes, size, attachment->cli->cancel_fd);
}

/* Calls an operation about the shell; `more` is taken over. */
static int call(struct attachment *attachment, const char *name, json_t *more,
                const struct pyro_observer *observer, json_t **ret_result, struct pyro_error *error)
{
    cleanup_json json_t *parameters = json_copy((json_t *)attachment->given);
    cleanup_json json_t *own = more;
    if (!parameters || !own || json_object_update(parameters, own) < 0)
        return pyro_error_no_memory(error);
    return pyro_operation_call(attachment->context, pyro_operation_find(name), parameters, observer,
                               ret_result, error);
}

static int resize(struct attachment *attachment, struct pyro_error *error)
{
    struct winsize size;
    cleanup_json json_t *result = NULL;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return 0; /* a terminal without a size: the shell's stays as it is */
    return call(attachment, "shell_resize",
                json_pack("{s:i, s:i}", "cols", size.ws_col, "rows", size.ws_row), NULL, &result,
                error);
}

/* Not from the first character on: a screenful is what one wants to see. */
static int find_begin(struct attachment *attachment, struct pyro_error *error)
{
    cleanup_json json_t *result = NULL;
    int r =
        call(attachment, "shell_read", json_pack("{s:i}", "max_chars", 1), NULL, &result, error);
    int64_t end = pyro_json_integer(result, "end_cursor", 0);
    attachment->cursor = MAX(end - REPLAY_CHARS, MIN(end, pyro_json_integer(result, "cursor", 0)));
    return r;
}

/* What is typed for a shell that takes no more of it is lost, which the bell tells. */
static int type(struct attachment *attachment, const char *keys, size_t size,
                struct pyro_error *error)
{
    cleanup_json json_t *result = NULL;
    if (size == 0)
        return 0;
    int r = call(
        attachment, "shell_write",
        json_pack("{s:o, s:b}", "input", json_stringn_nocheck(keys, size), "append_newline", 0),
        NULL, &result, error);
    if (r < 0 && strcmp(error->field, "input") == 0)
        return pyro_fd_write_patiently(STDOUT_FILENO, "\a", 1, attachment->cli->cancel_fd);
    return r;
}

/* 1: leave; 0; -1 and an error. */
static int take_keys(struct attachment *attachment, struct pyro_error *error)
{
    char keys[4096];
    ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got <= 0) /* the terminal is gone */
        return 1;
    const char *leave = memchr(keys, LEAVE, (size_t)got);
    int r = type(attachment, keys, leave ? (size_t)(leave - keys) : (size_t)got, error);
    return r < 0 ? r : leave != NULL;
}

/* All that is not the shell's output. 1: leave; 0; -1 and an error. */
static int take_wakes(struct attachment *attachment, struct pyro_error *error)
{
    struct epoll_event events[3];
    struct signalfd_siginfo info;
    int count = epoll_wait(attachment->wake_fd, events, ARRAY_SIZE(events), 0), r = 0;
    for (int i = 0; i < count && r == 0; i++) {
        int fd = events[i].data.fd;
        if (fd == STDIN_FILENO)
            r = take_keys(attachment, error);
        else if (fd == attachment->cli->cancel_fd)
            r = 1;
        else if (read(fd, &info, sizeof(info)) > 0)
            r = resize(attachment, error);
    }
    return r;
}

static int show(struct attachment *attachment, struct pyro_error *error)
{
    const struct pyro_observer observer = {.userdata = attachment,
                                           .output = on_output,
                                           .cancel_fd = attachment->wake_fd,
                                           .stdin_fd = -1};
    cleanup_json json_t *result = NULL;
    int r =
        call(attachment, "shell_read",
             json_pack("{s:I, s:i}", "cursor", (json_int_t)attachment->cursor, "wait_ms", WAIT_MS),
             &observer, &result, error);
    if (r < 0)
        return error->code == PYRO_ERROR_CANCELLED ? 0 : r;
    attachment->cursor = pyro_json_integer(result, "next_cursor", attachment->cursor);
    attachment->runs = strcmp(pyro_json_text(result, "state", ""), "running") == 0 ||
                       attachment->cursor < pyro_json_integer(result, "end_cursor", 0);
    return 0;
}

static int serve(struct attachment *attachment, struct pyro_error *error)
{
    int r = 0;
    while (r == 0 && attachment->runs) {
        r = take_wakes(attachment, error);
        if (r == 0)
            r = show(attachment, error);
    }
    return MIN(r, 0);
}

static int watch_wakes(struct attachment *attachment)
{
    sigset_t resized;
    sigemptyset(&resized);
    sigaddset(&resized, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resized, NULL);
    attachment->resized_fd = signalfd(-1, &resized, SFD_CLOEXEC | SFD_NONBLOCK);
    attachment->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    const int fds[] = {STDIN_FILENO, attachment->cli->cancel_fd, attachment->resized_fd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(attachment->wake_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
            return -errno;
    }
    return 0;
}

static int attach(struct attachment *attachment, struct pyro_error *error)
{
    if (resize(attachment, error) < 0 || find_begin(attachment, error) < 0)
        return -1;
    int r = watch_wakes(attachment);
    if (r == 0)
        r = make_raw();
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot use this terminal");
    r = serve(attachment, error);
    if (attachment->screen.is_alternate)
        pyro_fd_write_patiently(STDOUT_FILENO, leave_screen, strlen(leave_screen), -1);
    pyro_fd_write_patiently(STDOUT_FILENO, reset, strlen(reset), -1);
    restore_terminal();
    return r;
}

static int fail_no_terminal(const struct cli *cli)
{
    struct pyro_error error;
    pyro_error_set(&error, PYRO_ERROR_INVALID_PARAMETER, "stdin and stdout must be a terminal");
    pyro_error_hint(&error, "programs use `pyro workspace shell write` and `shell read`");
    return cli_fail(cli, "pyro workspace shell attach", &error);
}

int cli_attach(struct cli *cli, const json_t *given)
{
    struct attachment attachment = {
        .cli = cli, .given = given, .wake_fd = -1, .resized_fd = -1, .runs = true};
    struct pyro_error error = PYRO_ERROR_INIT;
    const char *shell = pyro_json_text(given, "shell_id", "");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return fail_no_terminal(cli);
    cli->cancel_fd = cli_signals_catch();
    cli_print(stderr, "attached to %s; Ctrl-] leaves\n", shell);
    int r = pyro_open(NULL, &attachment.context, &error);
    if (r == 0)
        r = attach(&attachment, &error);
    pyro_close(attachment.context);
    if (attachment.wake_fd >= 0)
        close(attachment.wake_fd);
    if (attachment.resized_fd >= 0)
        close(attachment.resized_fd);
    if (r < 0)
        return cli_fail(cli, "pyro workspace shell attach", &error);
    cli_print(stderr, "\n%s %s\n", shell, attachment.runs ? "goes on without you" : "has ended");
    return cli_signals_caught() ? 128 + cli_signals_caught() : 0;
}
