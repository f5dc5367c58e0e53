#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "guest/own.h"

/* Memory is the agent's, who frees it when we have gone our own way. */
static void *keep(struct pyro_launch *launch, void *memory)
{
    size_t i = 0;
    while (launch->allocated[i])
        i++;
    return launch->allocated[i] = memory;
}

/* `first`, `second`, and the words after the first one. NULL when out of memory. */
static char **put_before(struct pyro_launch *launch, const char *first, const char *second)
{
    char *const *words = launch->exec->arguments;
    size_t count = 0;
    while (words[count])
        count++;
    char **all = keep(launch, malloc((count + 2) * sizeof(*all)));
    if (all) {
        all[0] = (char *)first;
        all[1] = (char *)second;
        memcpy(all + 2, words + 1, count * sizeof(*all)); /* the closing NULL too */
    }
    return all;
}

/* A file without a header that the kernel knows is a shell script, as for every shell. */
static void execute(struct pyro_launch *launch, const char *path, char **environment)
{
    execve(path, launch->exec->arguments, environment);
    if (errno != ENOEXEC)
        return;
    char **script = put_before(launch, "/bin/sh", path);
    if (!script)
        return;
    execve(script[0], script, environment);
    errno = ENOEXEC;
}

/* Tries each directory of PATH. "Permission denied" is told only when no other directory had it. */
static void search(struct pyro_launch *launch, char **environment)
{
    const char *path = pyro_environment_get(environment, "PATH"),
               *name = launch->exec->arguments[0];
    int denied = 0;
    for (const char *at = path ? path : "/usr/bin:/bin"; at;) {
        size_t length = strcspn(at, ":");
        size_t size = strlen(name) + 1;
        char file[PATH_MAX];
        if (length + size + 2 <= sizeof(file)) {
            char *end = mempcpy(file, length > 0 ? at : ".", MAX(length, (size_t)1));
            *end++ = '/';
            memcpy(end, name, size);
            if (access(file, X_OK) == 0) /* a look costs a tenth of an exec that fails */
                execute(launch, file, environment);
            if (errno == EACCES)
                denied = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    errno = denied ? denied : ENOENT;
}

/* All other signals are as the agent leaves them. */
static void become_process(const struct pyro_launch *launch)
{
    static const struct sched_param parameters;
    sigset_t none;
    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameters); /* the agent is SCHED_BATCH */
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL); /* the only one that the agent ignores */
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    for (int i = 0; i < 3; i++)
        dup2(launch->streams[i], i);
    if (launch->exec->flags & PYRO_EXEC_TERMINAL)
        ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    /* As exec does; but if we never come to that, others are not to wait for our copies. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
}

/* Returns "PWD=…", NULL when the directory cannot be entered. */
static const char *enter(struct pyro_launch *launch)
{
    const char *directory = launch->exec->directory;
    if (!*directory)
        return chdir("/root") == 0 ? "PWD=/root" : "PWD=/"; /* where the agent is */
    if ((*directory != '/' && chdir("/") < 0) || chdir(directory) < 0)
        return NULL;
    char *variable = keep(launch, malloc(sizeof("PWD=") + strlen(directory)));
    if (variable)
        strcpy(stpcpy(variable, "PWD="), directory);
    return variable;
}

/* The agent's own program, as a process like any other (own.h). */
static void execute_own(struct pyro_launch *launch, char **environment)
{
    char **words = put_before(launch, PYRO_OWN_PROGRAM, launch->exec->arguments[0]);
    if (words)
        execve("/proc/self/exe", words, environment);
}

static void launch_program(struct pyro_launch *launch, const char *pwd)
{
    const struct pyro_exec *exec = launch->exec;
    const char *shell = access("/bin/bash", X_OK) == 0 ? "SHELL=/bin/bash" : "SHELL=/bin/sh";
    char **environment = keep(launch, pyro_environment_make(exec, shell, pwd));
    if (!environment)
        errno = ENOMEM;
    else if (exec->flags & PYRO_EXEC_OWN)
        execute_own(launch, environment);
    else if (strchr(exec->arguments[0], '/'))
        execute(launch, exec->arguments[0], environment);
    else if (*exec->arguments[0])
        search(launch, environment);
    else
        errno = ENOENT;
}

void pyro_child_run(struct pyro_launch *launch)
{
    become_process(launch);
    const char *pwd = enter(launch);
    if (pwd) {
        launch->failure.step = PYRO_LAUNCH_PROGRAM;
        launch_program(launch, pwd);
    }
    launch->failure.error = errno;
    _exit(127);
}
