#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "guest/tree.h"
#include "wire/frame.h"
#include "wire/pack.h"

/* A file without a header that the kernel knows is a shell script, as for every shell. */
static void execute(const char *path, char **words, char **environment)
{
    execve(path, words, environment);
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
    execve(script[0], script, environment);
    errno = ENOEXEC;
}

/* Tries each directory of PATH. "Permission denied" is told only when no other directory had it. */
static void search(char **words, char **environment)
{
    const char *path = pyro_environment_get(environment, "PATH");
    int denied = 0;
    for (const char *at = path ? path : "/usr/bin:/bin"; at;) {
        size_t length = strcspn(at, ":");
        size_t size = strlen(words[0]) + 1;
        char file[PATH_MAX];
        if (length + size + 2 <= sizeof(file)) {
            char *end = mempcpy(file, length > 0 ? at : ".", MAX(length, (size_t)1));
            *end++ = '/';
            memcpy(end, words[0], size);
            if (access(file, X_OK) == 0) /* a look costs a tenth of an exec that fails */
                execute(file, words, environment);
            if (errno == EACCES)
                denied = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    errno = denied ? denied : ENOENT;
}

/* Tells the agent that the command was never started; without that it would count as one that
 * ended. */
__attribute__((noreturn)) static void give_up(int report, struct pyro_launch_failure failure)
{
    ssize_t ignored = write(report, &failure, sizeof(failure));
    (void)ignored;
    _exit(127);
}

/* The process may wait for long, and would keep what it has open: the end of another command's
 * stdin would never come. */
static void keep_only(int fds[PYRO_CHILD_FDS])
{
    for (int i = 0; i < PYRO_CHILD_FDS; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, PYRO_CHILD_FDS); /* out of each other's way */
        if (fd < 0)
            give_up(fds[PYRO_CHILD_REPORT],
                    (struct pyro_launch_failure){.step = PYRO_LAUNCH_ORDERS, .error = errno});
        fds[i] = fd;
    }
    for (int i = 0; i < PYRO_CHILD_FDS; i++) {
        if (dup3(fds[i], i, i > STDERR_FILENO ? O_CLOEXEC : 0) < 0)
            _exit(126);
    }
    if (syscall(SYS_close_range, PYRO_CHILD_FDS, ~0u, 0) == 0)
        return;
    for (int fd = PYRO_CHILD_FDS, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
        close(fd); /* kernels before 5.9 */
}

static void become_process(int fds[PYRO_CHILD_FDS])
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL); /* the only one that the agent ignores */
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_NAME, "pyro-spare");
    keep_only(fds);
}

/* NULL when the agent has no use for this process any more. */
static const uint8_t *wait_for_orders(size_t *ret_size)
{
    enum { LENGTH_SIZE = 4 };
    static uint8_t orders[LENGTH_SIZE + PYRO_FRAME_PAYLOAD_MAX];
    size_t have = 0, size = 0;
    while (have < LENGTH_SIZE + size) {
        ssize_t got = read(PYRO_CHILD_ORDERS, orders + have, sizeof(orders) - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NULL;
        have += (size_t)got;
        struct pyro_unpack in = pyro_unpack_init(orders, have);
        size = pyro_unpack_u32(&in);
    }
    *ret_size = size;
    return orders + LENGTH_SIZE;
}

/* Returns "PWD=…", NULL when the directory cannot be entered. */
static const char *enter(const char *directory, const char *pwd)
{
    if (!*directory)
        return pwd;
    if ((*directory != '/' && chdir("/") < 0) || chdir(directory) < 0)
        return NULL;
    char *variable = malloc(sizeof("PWD=") + strlen(directory));
    if (variable)
        strcpy(stpcpy(variable, "PWD="), directory);
    return variable;
}

/* The agent waits for the report's end, as exec would bring it about, to tell that we have started.
 */
__attribute__((noreturn)) static void run_own(char *const *words)
{
    prctl(PR_SET_NAME, "pyro-tree");
    close(PYRO_CHILD_STDIN);
    close(PYRO_CHILD_ORDERS);
    close(PYRO_CHILD_REPORT);
    int status = pyro_tree_command(words);
    if (status == 0 && strcmp(words[0], "receive") == 0)
        sync(); /* whoever hears that it is in can rely on it, even if this machine is killed */
    _exit(status);
}

/* Returns only what went wrong. */
static struct pyro_launch_failure launch(const uint8_t *orders, size_t size, const char *shell,
                                         const char *pwd)
{
    struct pyro_exec exec;
    int r = pyro_exec_unpack(orders, size, &exec);
    if (r < 0)
        return (struct pyro_launch_failure){.step = PYRO_LAUNCH_ORDERS, .error = -r};
    if (exec.flags & PYRO_EXEC_STDIN)
        dup2(PYRO_CHILD_STDIN, STDIN_FILENO);
    pwd = enter(exec.directory, pwd);
    if (!pwd)
        return (struct pyro_launch_failure){.step = PYRO_LAUNCH_DIRECTORY, .error = errno};
    if (exec.flags & PYRO_EXEC_TREE)
        run_own(exec.arguments);
    char **environment = pyro_environment_make(&exec, shell, pwd);
    if (!environment)
        errno = ENOMEM;
    else if (strchr(exec.arguments[0], '/'))
        execute(exec.arguments[0], exec.arguments, environment);
    else if (*exec.arguments[0])
        search(exec.arguments, environment);
    else
        errno = ENOENT;
    return (struct pyro_launch_failure){.step = PYRO_LAUNCH_PROGRAM, .error = errno};
}

void pyro_child_run(int fds[PYRO_CHILD_FDS])
{
    become_process(fds);
    const char *shell = access("/bin/bash", X_OK) == 0 ? "SHELL=/bin/bash" : "SHELL=/bin/sh";
    const char *pwd = chdir("/root") == 0 ? "PWD=/root" : "PWD=/"; /* where the agent is */
    size_t size;
    const uint8_t *orders = wait_for_orders(&size);
    if (!orders)
        _exit(0);
    give_up(PYRO_CHILD_REPORT, launch(orders, size, shell, pwd));
}
