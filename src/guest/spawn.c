#include "guest/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

enum {
    PIPE_SIZE = 256 * 1024, /* fewer turns for the same data */
    STACK_SIZE = 64 * 1024,
};

/* clone3() with a stack of its own, which is `run`'s; no C library has it. */
static long clone_with_stack(struct clone_args *arguments,
                             __attribute__((noreturn)) void (*run)(struct pyro_launch *launch),
                             struct pyro_launch *launch)
{
#ifdef __x86_64__
    long result;
    register struct pyro_launch *argument __asm__("r8") = launch; /* not rbp, which is cleared */
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t" /* where a stack trace ends */
                     "mov %%r8, %%rdi\n\t"
                     "call *%%rdx\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(arguments), "S"(sizeof(*arguments)), "d"(run),
                       "r"(argument)
                     : "rcx", "r11", "memory");
    return result;
#else
#error "clone_with_stack() has to be written for this architecture"
#endif
}

/* Without a copy of our memory, which costs as much as exec does, and born in its cgroup, because
 * moving a process later costs a grace period of RCU. We stand still until it executes the program
 * or ends, so one stack is enough for all: as after vfork(2), only that we can give up. The kernel
 * clears `running` then. Kernels from 5.7 on. */
static pid_t clone_into(int cgroup, struct pyro_launch *launch, uint32_t *running)
{
    static _Alignas(16) uint8_t stack[STACK_SIZE];
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_INTO_CGROUP,
        .child_tid = (uint64_t)(uintptr_t)running,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = sizeof(stack),
        .cgroup = (uint64_t)cgroup,
    };
    return (pid_t)clone_with_stack(&arguments, pyro_child_run, launch);
}

/* Without the heap: a process that is not executed yet may be at work on it. */
char pyro_process_state(pid_t pid, int *ret_status)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (size <= 0)
        return '\0';
    text[size] = '\0';
    const char *name_end = strrchr(text, ')'), *last = strrchr(text, ' ');
    if (!name_end || name_end[1] != ' ')
        return '\0';
    *ret_status = atoi(last);
    return name_end[2];
}

/* Of processes that were given up: each is cleared when the process is let go at last. */
static uint32_t *given_up[16];

static void give_up(uint32_t *running)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(given_up) && given_up[i])
        i++;
    if (i < ARRAY_SIZE(given_up))
        given_up[i] = running; /* else it stays, unheeded */
}

static bool is_set(const uint32_t *running)
{
    return __atomic_load_n(running, __ATOMIC_ACQUIRE) != 0;
}

/* Whether some file system is known not to answer. */
static bool any_given_up(void)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_SIZE(given_up); i++) {
        if (given_up[i] && !is_set(given_up[i]))
            free(steal_pointer(&given_up[i]));
        any |= given_up[i] != NULL;
    }
    return any;
}

/* What it returns is not asked for: errno is the process's too. */
static void wait_for(const uint32_t *running, uint64_t ms)
{
    const struct timespec limit = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000 * 1000000)};
    syscall(SYS_futex, running, FUTEX_WAIT, 1, &limit, NULL, 0);
}

/* 0, or -ETIMEDOUT for one that hangs in a file system that does not answer: it is killed, so it
 * never comes back to our memory, whenever it is let go. One that is found at work is waited for.
 */
static int await_exec(pid_t pid, const uint32_t *running)
{
    enum { FIRST_MS = 4000, AGAIN_MS = 500, LOOK_MS = 100, LOOKS = 10 };
    uint64_t patience_ms = any_given_up() ? AGAIN_MS : FIRST_MS;
    uint64_t deadline = pyro_now_ms() + patience_ms;
    int status;
    for (int idle = 0; is_set(running) && idle < LOOKS; patience_ms = LOOK_MS) {
        wait_for(running, patience_ms);
        if (pyro_now_ms() >= deadline)
            idle = pyro_process_state(pid, &status) == 'R' ? 0 : idle + 1;
    }
    if (!is_set(running))
        return 0;
    kill(pid, SIGKILL);
    wait_for(running, LOOK_MS); /* should it be on another processor, or be let go by that */
    return -ETIMEDOUT;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(steal_fd(fd));
}

static int copy_fd(int fd, int *ret_copy)
{
    *ret_copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return *ret_copy < 0 ? -errno : 0;
}

static int open_pipe(int *ret_reader, int *ret_writer, const int *ours)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_reader = ends[0];
    *ret_writer = ends[1];
    fcntl(*ours, F_SETPIPE_SZ, PIPE_SIZE); /* without it, the usual 64 KiB do */
    return pyro_fd_set_nonblocking(*ours);
}

int pyro_spawn_prepare(int cgroup, struct pyro_spawn *ret_spawn)
{
    struct pyro_spawn spawn = PYRO_SPAWN_NONE;
    spawn.cgroup = cgroup;
    spawn.theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* or a FIFO by now */
    int r = spawn.theirs[0] < 0 ? -errno : 0;
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO && r == 0; i++)
        r = open_pipe(&spawn.streams[i], &spawn.theirs[i], &spawn.streams[i]);
    if (r < 0)
        pyro_spawn_close(&spawn);
    else
        *ret_spawn = spawn;
    return r;
}

int pyro_spawn_open_input(struct pyro_spawn *spawn)
{
    close(steal_fd(&spawn->theirs[0]));
    return open_pipe(&spawn->theirs[0], &spawn->streams[0], &spawn->streams[0]);
}

int pyro_terminal_resize(int terminal, const struct pyro_terminal_size *size)
{
    const struct winsize winsize = {.ws_col = (unsigned short)size->columns,
                                    .ws_row = (unsigned short)size->rows};
    return ioctl(terminal, TIOCSWINSZ, &winsize) < 0 ? -errno : 0;
}

/* The two ends of a new one: pty(7). What is erased in it are whole UTF-8 characters. */
static int make_terminal(const struct pyro_terminal_size *size, int *ret_ours, int *ret_theirs)
{
    struct termios settings;
    int unlocked = 0;
    cleanup_close int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (ours < 0 || ioctl(ours, TIOCSPTLCK, &unlocked) < 0)
        return -errno;
    cleanup_close int theirs = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs < 0 || tcgetattr(theirs, &settings) < 0)
        return -errno;
    settings.c_iflag |= IUTF8;
    if (tcsetattr(theirs, TCSANOW, &settings) < 0)
        return -errno;
    int r = pyro_terminal_resize(theirs, size);
    if (r < 0)
        return r;
    *ret_ours = steal_fd(&ours);
    *ret_theirs = steal_fd(&theirs);
    return 0;
}

int pyro_spawn_open_terminal(struct pyro_spawn *spawn, const struct pyro_terminal_size *size)
{
    for (int i = 0; i < 3; i++) {
        close_one(&spawn->theirs[i]);
        close_one(&spawn->streams[i]);
    }
    int r = make_terminal(size, &spawn->streams[STDOUT_FILENO], &spawn->theirs[STDIN_FILENO]);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO && r == 0; i++)
        r = copy_fd(spawn->theirs[STDIN_FILENO], &spawn->theirs[i]);
    if (r == 0)
        r = copy_fd(spawn->theirs[STDIN_FILENO], &spawn->held);
    return r < 0 ? r : copy_fd(spawn->streams[STDOUT_FILENO], &spawn->streams[STDIN_FILENO]);
}

int pyro_spawn_run(struct pyro_spawn *spawn, const struct pyro_exec *exec,
                   struct pyro_launch_failure *ret_failure)
{
    struct pyro_launch launch = {.exec = exec};
    uint32_t *running = malloc(sizeof(*running));
    if (!running)
        return -ENOMEM;
    for (int i = 0; i < 3; i++)
        launch.streams[i] = spawn->theirs[i];
    *running = 1;
    pid_t pid = clone_into(spawn->cgroup, &launch, running);
    int r = pid < 0 ? (int)pid : await_exec(pid, running);
    if (r == -ETIMEDOUT)
        launch.failure.error = ETIMEDOUT;
    if (r == -ETIMEDOUT && is_set(running))
        give_up(running);
    else
        free(running);
    for (size_t i = 0; i < ARRAY_SIZE(launch.allocated); i++)
        free(launch.allocated[i]);
    if (pid < 0)
        return (int)pid;
    spawn->pid = pid;
    *ret_failure = launch.failure;
    return launch.failure.error ? -ECANCELED : 0;
}

void pyro_spawn_detach(struct pyro_spawn *spawn)
{
    close_one(&spawn->cgroup);
    for (int i = 0; i < 3; i++)
        close_one(&spawn->theirs[i]);
}

void pyro_spawn_close(struct pyro_spawn *spawn)
{
    pyro_spawn_detach(spawn);
    for (int i = 0; i < 3; i++)
        close_one(&spawn->streams[i]);
    close_one(&spawn->held);
}
