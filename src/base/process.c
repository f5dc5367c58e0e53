#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

extern char **environ;

void pyro_argv_finish(struct pyro_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free(argv->words[i]);
    free(argv->words);
    *argv = (struct pyro_argv){0};
}

static void add_owned(struct pyro_argv *argv, char *word)
{
    char **words = word ? realloc(argv->words, (argv->count + 2) * sizeof(*words)) : NULL;
    if (!words) {
        free(word);
        argv->failed = true;
        return;
    }
    words[argv->count++] = word;
    words[argv->count] = NULL;
    argv->words = words;
}

void pyro_argv_add(struct pyro_argv *argv, const char *word)
{
    add_owned(argv, strdup(word));
}

void pyro_argv_addf(struct pyro_argv *argv, const char *format, ...)
{
    char *word = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&word, format, arguments) < 0)
        word = NULL;
    va_end(arguments);
    add_owned(argv, word);
}

void pyro_argv_add_all(struct pyro_argv *argv, const char *const *words)
{
    for (; *words; words++)
        pyro_argv_add(argv, *words);
}

/* In the child: everything below is async-signal-safe, because the parent may have threads. */

static bool is_kept(const struct pyro_spawn *spawn, int fd)
{
    for (size_t i = 0; i < spawn->keep_count; i++) {
        if (spawn->keep[i] == fd)
            return true;
    }
    return false;
}

/* Everything from 3 on closes at exec, save what is kept. */
static void seal_descriptors(const struct pyro_spawn *spawn)
{
    enum { CLOSE_RANGE_CLOEXEC_FLAG = 1 << 2 }; /* linux/close_range.h */
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC_FLAG) < 0) {
        for (int fd = 3; fd < 4096; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* kernels before 5.11 */
    }
    for (size_t i = 0; i < spawn->keep_count; i++) {
        if (is_kept(spawn, spawn->keep[i]))
            fcntl(spawn->keep[i], F_SETFD, 0);
    }
}

static int place(int fd, int target)
{
    cleanup_close int null = -1;
    if (fd < 0)
        fd = null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fd == target)
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    return dup2(fd, target) < 0 ? -errno : 0;
}

static int write_file(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void default_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The parent is gone when nobody can read the failure pipe any more. Its pid would not tell: from
 * inside a PID namespace it is always 0. */
static bool parent_is_gone(int failure)
{
    struct pollfd wait = {.fd = failure};
    return poll(&wait, 1, 0) > 0 && (wait.revents & POLLERR);
}

__attribute__((noreturn)) static void run_child(const struct pyro_spawn *spawn, const char *path,
                                                int failure, int r)
{
    default_signals();
    if (spawn->new_session)
        setsid();
    else if (spawn->new_group)
        setpgid(0, 0);
    /* The standard descriptors may be given in any order: lift them above 2 before placing them. */
    int wanted[3] = {spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd};
    for (int i = 0; i < 3; i++) {
        if (wanted[i] >= 0 && wanted[i] < 3)
            wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 3);
    }
    for (int i = 0; i < 3 && r == 0; i++)
        r = place(wanted[i], i);
    seal_descriptors(spawn);
    fcntl(failure, F_SETFD, FD_CLOEXEC);
    if (r == 0 && spawn->directory && chdir(spawn->directory) < 0)
        r = -errno;
    if (r == 0 && spawn->death_signal) {
        prctl(PR_SET_PDEATHSIG, spawn->death_signal);
        if (parent_is_gone(failure))
            _exit(125); /* the parent died before the tie was made */
    }
    if (r == 0) {
        execve(path, spawn->argv, spawn->environ ? spawn->environ : environ);
        r = -errno;
    }
    ssize_t ignored = write(failure, &r, sizeof(r));
    (void)ignored;
    _exit(127);
}

/* Returns as fork() does, in the parent when the child runs its program or has ended: CLONE_VFORK.
 * What else copies this process meanwhile has the failure pipe open, so that its end tells
 * nothing. */
static pid_t fork_until_exec(unsigned long namespaces)
{
    return (pid_t)syscall(SYS_clone, CLONE_VFORK | namespaces | SIGCHLD, 0, 0, 0, 0);
}

/* Only root may make a PID namespace in its own user namespace; others get one of each, in which
 * they are who they were. In the child with 0 or a negative errno. */
static pid_t fork_first_process(int *ret_error)
{
    if (geteuid() == 0)
        return fork_until_exec(CLONE_NEWPID);
    char users[64], groups[64];
    snprintf(users, sizeof(users), "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    snprintf(groups, sizeof(groups), "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    pid_t pid = fork_until_exec(CLONE_NEWUSER | CLONE_NEWPID);
    if (pid == 0) {
        *ret_error = write_file("/proc/self/uid_map", users);
        if (*ret_error == 0)
            *ret_error = write_file("/proc/self/setgroups", "deny");
        if (*ret_error == 0)
            *ret_error = write_file("/proc/self/gid_map", groups);
    }
    return pid;
}

int pyro_spawn(const struct pyro_spawn *spawn, pid_t *ret_pid)
{
    cleanup_free char *path = pyro_program_find(spawn->argv[0]);
    if (!path)
        return -ENOENT;
    int failure[2];
    if (pipe2(failure, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    /* The failure pipe must not sit on a number that the child replaces. */
    int lifted = fcntl(failure[1], F_DUPFD_CLOEXEC, 3);
    close(failure[1]);
    if (lifted < 0) {
        int r = -errno;
        close(failure[0]);
        return r;
    }
    int r = 0;
    pid_t pid = spawn->first_process ? fork_first_process(&r) : fork_until_exec(0);
    if (pid == 0) {
        close(failure[0]);
        run_child(spawn, path, lifted, r);
    }
    r = pid < 0 ? -errno : 0;
    close(lifted);
    if (r == 0) {
        int child_error = 0;
        ssize_t got;
        do
            got = read(failure[0], &child_error, sizeof(child_error));
        while (got < 0 && errno == EINTR);
        if (got == sizeof(child_error)) {
            r = child_error;
            pyro_process_wait(pid);
        } else {
            *ret_pid = pid;
        }
    }
    close(failure[0]);
    return r;
}

int pyro_process_wait(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return status;
}

int pyro_process_open(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

static char *find_in(const char *directories, const char *name)
{
    while (*directories) {
        size_t length = strcspn(directories, ":");
        char *path = NULL;
        if (length > 0 && asprintf(&path, "%.*s/%s", (int)length, directories, name) >= 0) {
            if (access(path, X_OK) == 0)
                return path;
            free(path);
        }
        directories += length;
        directories += *directories == ':';
    }
    return NULL;
}

char *pyro_program_find(const char *name)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? strdup(name) : NULL;
    const char *path = getenv("PATH");
    char *found = find_in(path ? path : "/usr/local/bin:/usr/bin:/bin", name);
    return found ? found : find_in("/usr/sbin:/sbin", name);
}

/* Reads until the program has ended and all is read that it wrote, or the deadline; what is beyond
 * the cap is read and dropped. Others may have the pipe open for longer. */
static int collect(int fd, int pidfd, uint64_t deadline_ms, size_t cap, char *output)
{
    size_t size = 0;
    for (;;) {
        uint64_t now = pyro_now_ms();
        struct pollfd wait[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
        int ready = poll(wait, 2, now >= deadline_ms ? 0 : (int)(deadline_ms - now));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return -ETIMEDOUT;
        char rest[4096];
        bool full = size == cap;
        ssize_t got = 0;
        if (wait[0].revents)
            got = read(fd, full ? rest : output + size, full ? sizeof(rest) : cap - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += full ? 0 : (size_t)got;
        output[size] = '\0';
    }
    return 0;
}

int pyro_program_run(char *const *argv, unsigned timeout_ms, size_t cap, char **ret_output)
{
    cleanup_free char *output = calloc(1, cap + 1);
    if (!output)
        return -ENOMEM;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    struct pyro_spawn spawn = {.argv = argv,
                               .stdin_fd = -1,
                               .stdout_fd = ends[1],
                               .stderr_fd = ends[1],
                               .death_signal = SIGKILL,
                               .new_group = true};
    pid_t pid;
    int r = pyro_spawn(&spawn, &pid);
    close(ends[1]);
    if (r == 0) {
        cleanup_close int pidfd = pyro_process_open(pid);
        r = pidfd < 0 ? pidfd : collect(ends[0], pidfd, pyro_now_ms() + timeout_ms, cap, output);
        if (r < 0)
            kill(-pid, SIGKILL);
        int status = pyro_process_wait(pid);
        if (r == 0)
            r = status < 0            ? status
                : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                      : WEXITSTATUS(status);
    }
    close(ends[0]);
    if (ret_output)
        *ret_output = steal_pointer(&output);
    return r;
}
