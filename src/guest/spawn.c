#include "guest/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"

/* fork() into the cgroup at once: moving a process later costs a grace period of RCU. */
static pid_t fork_into(int cgroup)
{
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid >= 0 || (errno != ENOSYS && errno != EINVAL && errno != E2BIG))
        return pid;
    pid = fork(); /* kernels before 5.7 */
    if (pid == 0) {
        cleanup_close int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            _exit(126);
    }
    return pid;
}

/* A file without a header that the kernel knows is a shell script, as for every shell. */
static void execute(const char *path, const struct pyro_launch *launch)
{
    char **words = launch->exec->arguments;
    execve(path, words, launch->environment);
    if (errno != ENOEXEC)
        return;
    size_t count = 0;
    while (words[count])
        count++;
    char **script = malloc((count + 2) * sizeof(*script));
    if (!script)
        return;
    script[0] = (char *)"/bin/sh";
    script[1] = (char *)path;
    memcpy(script + 2, words + 1, count * sizeof(*script)); /* the closing NULL too */
    execve(script[0], script, launch->environment);
    errno = ENOEXEC;
}

/* Tries each directory of PATH. "Permission denied" is told only when no other directory had it. */
static void search(const char *name, const struct pyro_launch *launch)
{
    const char *path = pyro_environment_get(launch->environment, "PATH");
    int denied = 0;
    for (const char *at = path ? path : "/usr/bin:/bin"; at;) {
        size_t length = strcspn(at, ":");
        char file[PATH_MAX];
        int size = length > 0 ? snprintf(file, sizeof(file), "%.*s/%s", (int)length, at, name)
                              : snprintf(file, sizeof(file), "./%s", name);
        if (size > 0 && (size_t)size < sizeof(file)) {
            execute(file, launch);
            if (errno == EACCES)
                denied = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    errno = denied ? denied : ENOENT;
}

__attribute__((noreturn)) static void run_child(const struct pyro_launch *launch, int report)
{
    struct pyro_launch_failure failure = {0};
    const char *name = launch->exec->arguments[0];
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL); /* the only one that the agent ignores */
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    for (int i = 0; i < 3; i++)
        dup2(launch->descriptors[i], i);
    if (chdir(launch->directory) < 0) {
        failure = (struct pyro_launch_failure){.error = errno, .in_directory = true};
    } else {
        if (strchr(name, '/'))
            execute(name, launch);
        else if (*name)
            search(name, launch);
        else
            errno = ENOENT;
        failure.error = errno;
    }
    ssize_t ignored = write(report, &failure, sizeof(failure));
    (void)ignored;
    _exit(127);
}

pid_t pyro_launch(const struct pyro_launch *launch, struct pyro_launch_failure *ret_failure)
{
    *ret_failure = (struct pyro_launch_failure){0};
    int report[2];
    pid_t pid = -1;
    if (pipe2(report, O_CLOEXEC) == 0) {
        pid = fork_into(launch->cgroup);
        if (pid == 0)
            run_child(launch, report[1]);
        ret_failure->error = errno;
        close(report[1]);
        if (pid > 0 && read(report[0], ret_failure, sizeof(*ret_failure)) > 0) {
            waitpid(pid, NULL, 0);
            pid = -1;
        }
        close(report[0]);
    } else {
        ret_failure->error = errno;
    }
    return pid;
}
