#include "operation/host_compat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "operation/operation.h"

/* The pipes to one sandboxed command. -1 is a closed one. */
struct pipes {
    int to_stdin, from_stdout, from_stderr;
    struct pyro_buffer input; /* read from the caller, not yet taken by the command */
    bool input_ended;
};

static void add_sandbox(struct pyro_argv *argv, const struct pyro_host_compat *sandbox,
                        const char *directory)
{
    static const char *const fixed[] = {
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--clearenv",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/bin",
        "/bin",
        "--symlink",
        "usr/sbin",
        "/sbin",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--dir",
        "/root",
        "--hostname",
        "pyro",
        "--ro-bind-try",
        "/etc/alternatives",
        "/etc/alternatives",
        "--ro-bind-try",
        "/etc/ld.so.cache",
        "/etc/ld.so.cache",
        "--setenv",
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "--setenv",
        "HOME",
        "/root",
        "--setenv",
        "LANG",
        "C.UTF-8",
        NULL};
    static const char *const network[] = {
        "--share-net",   "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf",
        "--ro-bind-try", "/etc/ssl",      "/etc/ssl",         NULL};
    pyro_argv_add(argv, sandbox->bwrap_path);
    pyro_argv_add_all(argv, fixed);
    if (sandbox->network)
        pyro_argv_add_all(argv, network);
    pyro_argv_add(argv, "--bind");
    pyro_argv_add(argv, sandbox->workspace);
    pyro_argv_add(argv, "/workspace");
    pyro_argv_add(argv, "--chdir");
    pyro_argv_add(argv, directory);
    /* The shell turns a command that is not there into 127 or 126, as a guest does. */
    static const char *const shell[] = {"--", "/bin/sh", "-c", "exec \"$@\"", "pyro", NULL};
    pyro_argv_add_all(argv, shell);
}

static void close_pipe(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(const struct pyro_host_compat *sandbox, const struct pyro_exec *exec,
                 struct pipes *pipes, pid_t *ret_pid)
{
    struct pyro_argv argv = {0};
    add_sandbox(&argv, sandbox, exec->directory);
    pyro_argv_add_all(&argv, (const char *const *)exec->arguments);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int r = argv.failed ? -ENOMEM : 0;
    if (r == 0 && exec->flags & PYRO_EXEC_STDIN)
        r = pyro_fd_pair(in);
    if (r == 0)
        r = pyro_fd_pair(out);
    if (r == 0)
        r = pyro_fd_pair(err);
    const struct pyro_spawn spawn = {.argv = argv.words,
                                     .stdin_fd = in[1],
                                     .stdout_fd = out[1],
                                     .stderr_fd = err[1],
                                     .death_signal = SIGKILL};
    if (r == 0)
        r = pyro_spawn(&spawn, ret_pid);
    close_pipe(&in[1]);
    close_pipe(&out[1]);
    close_pipe(&err[1]);
    pyro_argv_finish(&argv);
    pipes->to_stdin = in[0];
    pipes->from_stdout = out[0];
    pipes->from_stderr = err[0];
    return r;
}

/* Hands one read's worth to the observer. False when it wants no more. */
static bool pass_output(int *fd, enum pyro_stream stream, const struct pyro_observer *observer)
{
    char block[64 * 1024];
    ssize_t got = read(*fd, block, sizeof(block));
    if (got <= 0) {
        if (got == 0 || errno != EINTR)
            close_pipe(fd);
        return true;
    }
    return !observer || !observer->output ||
           observer->output(observer->userdata, stream, block, (size_t)got) == 0;
}

static void pass_input(struct pipes *pipes, const struct pyro_observer *observer)
{
    if (pipes->input.size == 0) {
        long got = pyro_buffer_read(&pipes->input, observer->stdin_fd, 32 * 1024);
        pipes->input_ended = got <= 0 && got != -EAGAIN;
    }
    int r = pyro_buffer_write(&pipes->input, pipes->to_stdin);
    if (pipes->input_ended || (r < 0 && r != -EAGAIN))
        close_pipe(&pipes->to_stdin);
}

/* What is still in the pipes when the command has ended. */
static void drain(struct pipes *pipes, const struct pyro_observer *observer)
{
    int *const fds[] = {&pipes->from_stdout, &pipes->from_stderr};
    for (int i = 0; i < 2; i++) {
        struct pollfd ready = {.fd = *fds[i], .events = POLLIN};
        while (*fds[i] >= 0 && poll(&ready, 1, 0) > 0 &&
               pass_output(fds[i], i == 0 ? PYRO_STDOUT : PYRO_STDERR, observer))
            ;
    }
}

enum outcome { ENDED, TIMED_OUT, CANCELLED };

static enum outcome relay(struct pipes *pipes, int process, uint64_t deadline_ms,
                          const struct pyro_observer *observer)
{
    for (;;) {
        uint64_t now = pyro_now_ms();
        if (now >= deadline_ms)
            return TIMED_OUT;
        bool wants_input = pipes->to_stdin >= 0 && pipes->input.size == 0;
        struct pollfd polls[] = {
            {.fd = process, .events = POLLIN},
            {.fd = observer ? observer->cancel_fd : -1, .events = POLLIN},
            {.fd = pipes->from_stdout, .events = POLLIN},
            {.fd = pipes->from_stderr, .events = POLLIN},
            {.fd = wants_input ? observer->stdin_fd : -1, .events = POLLIN},
            {.fd = pipes->input.size > 0 ? pipes->to_stdin : -1, .events = POLLOUT},
        };
        if (poll(polls, ARRAY_SIZE(polls), (int)MIN(deadline_ms - now, (uint64_t)1 << 30)) < 0 &&
            errno != EINTR)
            return CANCELLED;
        if (polls[1].revents)
            return CANCELLED;
        if (polls[2].revents && !pass_output(&pipes->from_stdout, PYRO_STDOUT, observer))
            return CANCELLED;
        if (polls[3].revents && !pass_output(&pipes->from_stderr, PYRO_STDERR, observer))
            return CANCELLED;
        if (polls[4].revents || polls[5].revents)
            pass_input(pipes, observer);
        if (polls[0].revents)
            return ENDED;
    }
}

static void finish(struct pipes *pipes)
{
    close_pipe(&pipes->to_stdin);
    close_pipe(&pipes->from_stdout);
    close_pipe(&pipes->from_stderr);
    pyro_buffer_finish(&pipes->input);
}

int pyro_host_compat_exec(const struct pyro_host_compat *sandbox, const struct pyro_exec *exec,
                          const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                          struct pyro_error *error)
{
    if (!sandbox->bwrap_path) {
        pyro_error_set(
            error, PYRO_ERROR_NO_VM,
            "cannot run on the host: bubblewrap is not installed or cannot make namespaces");
        return pyro_error_hint(error, "apt-get install bubblewrap; `pyro doctor` tells more");
    }
    struct pipes pipes = {.to_stdin = -1, .from_stdout = -1, .from_stderr = -1};
    pyro_buffer_init(&pipes.input, 64 * 1024);
    uint64_t started_us = pyro_now_us();
    pid_t pid;
    int r = start(sandbox, exec, &pipes, &pid);
    if (r < 0) {
        finish(&pipes);
        return pyro_error_set_errno(error, PYRO_ERROR_NO_VM, r, "cannot start bubblewrap");
    }
    if (pipes.to_stdin >= 0)
        pyro_fd_set_nonblocking(pipes.to_stdin);
    cleanup_close int process = pyro_process_open(pid);
    uint64_t deadline = exec->timeout_ms ? pyro_now_ms() + exec->timeout_ms : UINT64_MAX;
    enum outcome outcome = process < 0 ? CANCELLED : relay(&pipes, process, deadline, observer);
    if (outcome != ENDED)
        kill(pid, SIGKILL); /* bubblewrap takes its whole process namespace along */
    int status = pyro_process_wait(pid);
    drain(&pipes, observer);
    finish(&pipes);
    if (outcome == CANCELLED)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    /* bubblewrap passes on 128+N when a signal ended the command. */
    *ret_exited = (struct pyro_exited){
        .kind = WIFSIGNALED(status) ? PYRO_EXIT_SIGNAL : PYRO_EXIT_CODE,
        .timed_out = outcome == TIMED_OUT,
        .value = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
        .duration_us = pyro_now_us() - started_us};
    return 0;
}
