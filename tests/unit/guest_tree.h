/* Runs the agent's commands about trees as the guest does: in a child of their own, records at its
 * stdin and stdout. */
#ifndef PYRO_TESTS_GUEST_TREE_H
#define PYRO_TESTS_GUEST_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macros.h"
#include "guest/tree.h"
#include "wire/tree.h"

enum { TREE_CAP = 16 * 1024 * 1024 };

/* What the children find refused. */
static bool tree_without_openat2, tree_without_tmpfile;

struct tree_run {
    int status;
    struct pyro_buffer out;
    char error[9000];
};

/* A kernel without openat2 or a file system without O_TMPFILE, as far as this process can see. */
static void tree_refuse(void)
{
    enum {
        NUMBER = offsetof(struct seccomp_data, nr),
        FLAGS = offsetof(struct seccomp_data, args[2])
    };
    const unsigned no_openat2 = tree_without_openat2 ? ENOSYS : 0;
    const unsigned unnamed = tree_without_tmpfile ? O_TMPFILE & ~O_DIRECTORY : 0;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, no_openat2 ? 3 : 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, unnamed, 2, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
    };
    struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};
    if (!tree_without_openat2 && !tree_without_tmpfile)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(99);
}

static int tree_memory(const void *bytes, size_t size)
{
    int fd = memfd_create("tree", MFD_CLOEXEC);
    if (fd < 0 || pyro_fd_write_all(fd, bytes, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        abort();
    return fd;
}

static pid_t tree_start(const char *const *words, int in, int out, int error)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    tree_refuse();
    _exit(pyro_own_command((char *const *)words));
}

static void tree_run_finish(struct tree_run *run)
{
    pyro_buffer_finish(&run->out);
}

/* `in` may be NULL: an empty stdin. */
static int tree_run(struct tree_run *run, const struct pyro_buffer *in, const char *const *words)
{
    cleanup_close int fds0 = in ? tree_memory(pyro_buffer_data(in), in->size) : tree_memory("", 0);
    cleanup_close int out = tree_memory("", 0), error = tree_memory("", 0);
    pid_t pid = tree_start(words, fds0, out, error);
    waitpid(pid, &run->status, 0);
    run->status = WIFEXITED(run->status) ? WEXITSTATUS(run->status) : 1000;
    pyro_buffer_init(&run->out, TREE_CAP);
    lseek(out, 0, SEEK_SET);
    while (pyro_buffer_read(&run->out, out, 65536) > 0)
        ;
    ssize_t size = pread(error, run->error, sizeof(run->error) - 1, 0);
    run->error[MAX(size, 0)] = '\0';
    return run->status;
}

#define TREE_RUN(run, in, ...) tree_run((run), (in), (const char *const[]){__VA_ARGS__, NULL})

/* The next record of what a command said; false at its end. */
static bool tree_next(struct tree_run *run, struct pyro_tree_record *ret_record)
{
    static uint8_t copy[PYRO_TREE_RECORD_MAX];
    int r = pyro_tree_decode(pyro_buffer_data(&run->out), run->out.size, ret_record);
    if (r != 1)
        return false;
    memcpy(copy, pyro_buffer_data(&run->out), ret_record->size);
    pyro_buffer_consume(&run->out, ret_record->size);
    return pyro_tree_decode(copy, sizeof(copy), ret_record) == 1;
}

#endif
