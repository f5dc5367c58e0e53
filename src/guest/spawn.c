#include "guest/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

enum { PIPE_SIZE = 256 * 1024 }; /* fewer turns for the same data */

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

static int open_pipe(int *ret_reader, int *ret_writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_reader = ends[0];
    *ret_writer = ends[1];
    return 0;
}

static int open_all(struct pyro_spawn *ours, int theirs[PYRO_CHILD_FDS])
{
    theirs[PYRO_CHILD_NULL] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int r = theirs[PYRO_CHILD_NULL] < 0 ? -errno : 0;
    if (r == 0)
        r = open_pipe(&theirs[PYRO_CHILD_STDIN], &ours->streams[0]);
    if (r == 0)
        r = open_pipe(&ours->streams[1], &theirs[PYRO_CHILD_STDOUT]);
    if (r == 0)
        r = open_pipe(&ours->streams[2], &theirs[PYRO_CHILD_STDERR]);
    if (r == 0)
        r = open_pipe(&theirs[PYRO_CHILD_ORDERS], &ours->orders);
    if (r == 0)
        r = open_pipe(&ours->report, &theirs[PYRO_CHILD_REPORT]);
    for (int i = 0; i < 3 && r == 0; i++)
        r = pyro_fd_set_nonblocking(ours->streams[i]);
    for (int i = 0; i < 3 && r == 0; i++)
        fcntl(ours->streams[i], F_SETPIPE_SZ, PIPE_SIZE); /* without it, the usual 64 KiB do */
    if (r == 0 && fcntl(ours->orders, F_SETPIPE_SZ, PYRO_FRAME_SIZE_MAX) < 0)
        r = -errno; /* the agent must never wait until orders are read */
    return r;
}

/* By epoll, because the agent's loop has the kernel's code for that in use already. */
static int watch_report(struct pyro_spawn *spawn)
{
    struct epoll_event event = {.events = EPOLLIN};
    spawn->watch = epoll_create1(EPOLL_CLOEXEC);
    if (spawn->watch < 0 || epoll_ctl(spawn->watch, EPOLL_CTL_ADD, spawn->report, &event) < 0)
        return -errno;
    return 0;
}

int pyro_spawn_make(int cgroup, struct pyro_spawn *ret_spawn)
{
    struct pyro_spawn spawn = PYRO_SPAWN_NONE;
    int theirs[PYRO_CHILD_FDS] = {-1, -1, -1, -1, -1, -1};
    int r = open_all(&spawn, theirs);
    if (r == 0)
        r = watch_report(&spawn);
    if (r == 0) {
        spawn.pid = fork_into(cgroup);
        if (spawn.pid == 0)
            pyro_child_run(theirs);
        r = spawn.pid < 0 ? -errno : 0;
    }
    for (int i = 0; i < PYRO_CHILD_FDS; i++) {
        if (theirs[i] >= 0)
            close(theirs[i]);
    }
    if (r < 0)
        pyro_spawn_close(&spawn);
    else
        *ret_spawn = spawn;
    return r;
}

/* A program in the guest may have stopped, frozen or traced the process; the agent does not wait
 * for it for ever. One that has read all its orders is another matter: it executes a program. */
static bool is_deaf(const struct pyro_spawn *spawn, int patience_ms)
{
    struct epoll_event event;
    int unread = 0;
    return epoll_wait(spawn->watch, &event, 1, patience_ms) == 0 &&
           ioctl(spawn->orders, FIONREAD, &unread) == 0 && unread > 0;
}

int pyro_spawn_launch(struct pyro_spawn *spawn, const struct pyro_frame *frame, int patience_ms,
                      struct pyro_launch_failure *ret_failure)
{
    /* The length that the child wants before the payload is what the frame's header ends with. */
    enum { LENGTH_SIZE = 4 };
    int r =
        pyro_fd_write_all(spawn->orders, frame->payload - LENGTH_SIZE, LENGTH_SIZE + frame->length);
    if (r == 0 && is_deaf(spawn, patience_ms)) {
        kill(spawn->pid, SIGKILL);
        r = -EPIPE;
    }
    if (r < 0)
        return r;
    ssize_t got = read(spawn->report, ret_failure, sizeof(*ret_failure));
    return got == sizeof(*ret_failure) ? -ECANCELED : 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(steal_fd(fd));
}

void pyro_spawn_close(struct pyro_spawn *spawn)
{
    for (int i = 0; i < 3; i++)
        close_one(&spawn->streams[i]);
    close_one(&spawn->orders);
    close_one(&spawn->report);
    close_one(&spawn->watch);
}
