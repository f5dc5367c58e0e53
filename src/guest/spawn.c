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

#include "base/fd.h"
#include "base/macros.h"

enum {
    PIPE_SIZE = 256 * 1024, /* fewer turns for the same data */
    STACK_SIZE = 64 * 1024,
    LAUNCH_LIMIT_S = 5, /* less than the supervisor waits for a word from us */
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

char pyro_process_state(pid_t pid, int *ret_status)
{
    char path[32];
    cleanup_free char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pyro_file_read_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return '\0';
    const char *name_end = strrchr(text, ')'), *last = strrchr(text, ' ');
    if (!name_end || name_end[1] != ' ')
        return '\0';
    *ret_status = atoi(last);
    return name_end[2];
}

/* 0, or -ETIMEDOUT for one that hangs in a file system that does not answer: it is killed, so it
 * never comes back to our memory, whenever it is let go. */
static int await_exec(pid_t pid, const uint32_t *running)
{
    const struct timespec limit = {.tv_sec = LAUNCH_LIMIT_S};
    int status;
    while (__atomic_load_n(running, __ATOMIC_ACQUIRE) != 0) {
        long r = syscall(SYS_futex, running, FUTEX_WAIT, 1, &limit, NULL, 0);
        if (r == 0 || errno != ETIMEDOUT || pyro_process_state(pid, &status) == 'R')
            continue;
        kill(pid, SIGKILL);
        return -ETIMEDOUT;
    }
    return 0;
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
        launch.failure.error = ETIMEDOUT; /* `running` is still to be cleared: it stays */
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
