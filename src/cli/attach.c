/* `pyro workspace shell attach`: this terminal becomes that of a shell, until Ctrl-] or the shell's
 * end. It is made of the operations that everybody has: read, write, resize. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/json.h"
#include "base/wait.h"
#include "cli/attach.h"
#include "cli/attach_screen.h"
#include "cli/attach_terminal.h"

enum {
    REPLAY_CHARS = 8192,       /* of what was shown before */
    LOOK_BACK_CHARS = 4 << 20, /* to see on which screen that was */
    LOOK_CHARS = 1 << 20,      /* at a time */
    WAIT_MS = 60 * 1000,
};

/* Ctrl-], as terminals send it: as a character, or as a program has asked for keys to be told
 * (xterm's modifyOtherKeys, in both of its forms). */
static const char *const leave_keys[] = {"\x1d", "\033[27;5;93~", "\033[93;5u"};

struct attachment {
    struct cli *cli;
    struct pyro_context *context;
    const json_t *given; /* workspace_id, shell_id */
    int wake_fd;         /* readable when there is something else to do than to read the shell */
    int resized_fd;
    int64_t cursor;
    bool runs;
    int64_t exit_code; /* when it does not: -1 if that is not known */
    struct cli_screen screen;
};

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct attachment *attachment = userdata;
    (void)stream;
    cli_screen_follow(&attachment->screen, bytes, size);
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

/* `rows_less`: a row or none. */
static int resize(struct attachment *attachment, int rows_less, struct pyro_error *error)
{
    enum { MOST = 4096 }; /* the operation's limit */
    struct winsize size;
    cleanup_json json_t *result = NULL;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return 0; /* a terminal without a size: the shell's stays as it is */
    int rows = MAX(MIN((int)size.ws_row, MOST) - rows_less, 1);
    return call(attachment, "shell_resize",
                json_pack("{s:i, s:i}", "cols", MIN((int)size.ws_col, MOST), "rows", rows), NULL,
                &result, error);
}

static int read_shown(struct attachment *attachment, int64_t cursor, int64_t most,
                      json_t **ret_result, struct pyro_error *error)
{
    return call(
        attachment, "shell_read",
        json_pack("{s:I, s:I}", "cursor", (json_int_t)cursor, "max_chars", (json_int_t)most), NULL,
        ret_result, error);
}

/* Where to begin: not at the first character, a screenful is what one wants to see. Also on which
 * screen that is. */
static int find_begin(struct attachment *attachment, struct pyro_error *error)
{
    cleanup_json json_t *first = NULL;
    if (read_shown(attachment, 0, 1, &first, error) < 0)
        return -1;
    int64_t end = pyro_json_integer(first, "end_cursor", 0);
    int64_t oldest = MIN(end, pyro_json_integer(first, "cursor", 0));
    int64_t begin = MAX(end - REPLAY_CHARS, oldest);
    attachment->cursor = MAX(end - LOOK_BACK_CHARS, oldest);
    while (attachment->cursor < begin) {
        cleanup_json json_t *result = NULL;
        int64_t from = attachment->cursor;
        if (read_shown(attachment, from, MIN(begin - from, (int64_t)LOOK_CHARS), &result, error) <
            0)
            return -1;
        const json_t *output = json_object_get(result, "output");
        cli_screen_follow(&attachment->screen, json_string_value(output),
                          json_string_length(output));
        attachment->cursor = pyro_json_integer(result, "next_cursor", begin);
        if (attachment->cursor <= from)
            break;
    }
    return 0;
}

/* From the first whole line on, when it may begin anywhere. */
static void put_shown(const char *text, size_t size, bool is_whole)
{
    cleanup_free char *copy = malloc(size + 1);
    const char *line = is_whole ? NULL : memchr(text, '\n', size);
    size_t skipped = line ? (size_t)(line + 1 - text) : 0;
    if (!copy)
        return;
    memcpy(copy, text + skipped, size - skipped);
    cli_terminal_put(copy, cli_screen_silence(copy, size - skipped));
}

/* Makes a program that has the whole screen draw it anew, by a size that is another one long enough
 * to be seen. */
static int redraw(struct attachment *attachment, struct pyro_error *error)
{
    enum { SEEN_MS = 100 };
    static const char clear[] = "\033[H\033[2J";
    cli_terminal_put(clear, strlen(clear));
    if (resize(attachment, 1, error) < 0)
        return -1;
    poll(NULL, 0, SEEN_MS);
    return resize(attachment, 0, error);
}

/* Follows it, and returns what is still to be seen: what was shown on the other screen, when that
 * was the one it begins on, is gone. */
static size_t skip_other_screen(struct cli_screen *screen, const char *text, size_t size)
{
    bool was_alternate = screen->is_alternate;
    size_t skipped = 0;
    for (size_t i = 0; i < size; i++) {
        cli_screen_follow(screen, text + i, 1);
        if (was_alternate && skipped == 0 && !screen->is_alternate)
            skipped = i + 1;
    }
    return skipped;
}

/* What was shown before. */
static int replay(struct attachment *attachment, struct pyro_error *error)
{
    cleanup_json json_t *result = NULL;
    if (read_shown(attachment, attachment->cursor, REPLAY_CHARS, &result, error) < 0)
        return -1;
    const json_t *output = json_object_get(result, "output");
    const char *text = json_string_value(output);
    size_t size = json_string_length(output);
    size_t skipped = skip_other_screen(&attachment->screen, text, size);
    attachment->cursor = pyro_json_integer(result, "next_cursor", attachment->cursor);
    if (attachment->screen.is_alternate) {
        cli_terminal_put(CLI_SCREEN_ENTER, strlen(CLI_SCREEN_ENTER));
        return redraw(attachment, error);
    }
    bool is_whole = skipped > 0 || pyro_json_integer(result, "cursor", 0) == 0;
    put_shown(text + skipped, size - skipped, is_whole);
    return 0;
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

static const char *find_leave(const char *keys, size_t size)
{
    const char *first = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(leave_keys); i++) {
        const char *found = memmem(keys, size, leave_keys[i], strlen(leave_keys[i]));
        if (found && (!first || found < first))
            first = found;
    }
    return first;
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
    const char *leave = find_leave(keys, (size_t)got);
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
            r = resize(attachment, 0, error);
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
    attachment->exit_code = pyro_json_integer(result, "exit_code", -1);
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
    if (resize(attachment, 0, error) < 0 || find_begin(attachment, error) < 0)
        return -1;
    cli_print(stderr, "attached to %s; Ctrl-] leaves\n",
              pyro_json_text(attachment->given, "shell_id", ""));
    int r = watch_wakes(attachment);
    if (r == 0)
        r = cli_terminal_make_raw();
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot use this terminal");
    r = replay(attachment, error);
    if (r == 0)
        r = serve(attachment, error);
    if (attachment->screen.is_alternate) /* on the other one it would move the cursor */
        cli_terminal_put(CLI_SCREEN_LEAVE, strlen(CLI_SCREEN_LEAVE));
    cli_terminal_restore();
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
        .cli = cli, .given = given, .wake_fd = -1, .resized_fd = -1, .runs = true, .exit_code = -1};
    struct pyro_error error = PYRO_ERROR_INIT;
    const char *shell = pyro_json_text(given, "shell_id", "");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return fail_no_terminal(cli);
    cli->cancel_fd = cli_signals_catch();
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
    if (attachment.runs)
        cli_print(stderr, "\n%s goes on without you\n", shell);
    else if (attachment.exit_code < 0)
        cli_print(stderr, "\n%s has ended\n", shell);
    else
        cli_print(stderr, "\n%s has ended, exit status %d\n", shell, (int)attachment.exit_code);
    return cli_signals_caught() ? 128 + cli_signals_caught() : 0;
}
