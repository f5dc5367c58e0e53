#include "base/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/macros.h"
#include "base/process.h"

enum { KEEP_MAX = 8 };

struct job {
    void (*run)(void *userdata);
    void *userdata;
    int keep[KEEP_MAX + 1];
    size_t keep_count;
};

static int lowest_kept(const struct job *job, int from)
{
    int lowest = INT_MAX;
    for (size_t i = 0; i < job->keep_count; i++) {
        if (job->keep[i] >= from)
            lowest = MIN(lowest, job->keep[i]);
    }
    return lowest;
}

static void close_range_of(int first, int last)
{
    if (syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (int fd = first; fd <= MIN(last, 4096); fd++)
        close(fd); /* kernels before 5.9 */
}

static void close_others(const struct job *job)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    for (int from = 3, kept; (kept = lowest_kept(job, from)) >= from; from = kept + 1) {
        if (kept > from)
            close_range_of(from, kept - 1);
        if (kept == INT_MAX)
            break;
    }
}

/* Its own child is nobody's: nobody has to wait for it. */
__attribute__((noreturn)) static void become(const struct job *job)
{
    setsid();
    if (fork() == 0) {
        close_others(job);
        pyro_lock_patience_begin(-1); /* whoever is cancelled is somebody else now */
        job->run(job->userdata);
    }
    _exit(0);
}

int pyro_detach(void (*run)(void *userdata), void *userdata, const int *keep, size_t keep_count)
{
    struct job job = {.run = run, .userdata = userdata, .keep_count = keep_count + 1};
    int ends[2];
    if (keep_count > KEEP_MAX)
        return -EINVAL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    memcpy(job.keep, keep, keep_count * sizeof(*keep));
    job.keep[keep_count] = ends[1];
    pid_t pid = fork();
    if (pid == 0)
        become(&job);
    int r = pid < 0 ? -errno : ends[0];
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        pyro_process_wait(pid);
    return r;
}
