/* What test_diff.py runs: makes baselines and diffs of a directory of this host, which the agent's
 * own commands look at in a child process as they do in a guest.
 *
 *   diff-maker baseline BUNDLE DIRECTORY
 *   diff-maker diff BUNDLE DIRECTORY PATCH              result on stdout, the patch to a file
 *   diff-maker answers BUNDLE LIST FETCH PATCH          of a guest whose answers are in files
 *
 * Exit status 1 and the error's name and message on stderr when it fails. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "guest/tree.h"
#include "workspace/baseline.h"
#include "workspace/diff.h"
#include "workspace/tree_reader.h"

/* A guest: a directory, or files with what it answers. */
struct guest {
    const char *directory, *list, *fetch;
};

/* One call to a child. */
struct call {
    const struct pyro_tree_call *wanted;
    pid_t pid;
    int in, out; /* -1: over */
    struct pyro_buffer waiting;
};

static void start(struct call *call)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || (call->pid = fork()) < 0)
        abort();
    if (call->pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        close(in[0]);
        close(out[1]);
        _exit(pyro_own_command((char *const *)call->wanted->arguments));
    }
    close(in[0]);
    close(out[1]);
    pyro_fd_set_nonblocking(in[1]);
    call->in = in[1];
    call->out = out[0];
}

static int send_input(struct call *call, struct pyro_error *error)
{
    enum { MOST = 1000 }; /* so that it takes many turns */
    long got = 0;
    if (call->wanted->input && call->waiting.size == 0) {
        uint8_t *room = pyro_buffer_reserve(&call->waiting, MOST);
        got = call->wanted->input(call->wanted->userdata, room, MOST, error);
        if (got < 0)
            return -1;
        pyro_buffer_commit(&call->waiting, (size_t)got);
    }
    if (call->waiting.size == 0) {
        close(call->in);
        call->in = -1;
        return 0;
    }
    int r = pyro_buffer_write(&call->waiting, call->in);
    return r < 0 && r != -EAGAIN
               ? pyro_error_set_errno(error, PYRO_ERROR_GUEST_FAILED, r, "the child is gone")
               : 0;
}

static int take_output(struct call *call, struct pyro_error *error)
{
    static unsigned turn;
    uint8_t bytes[10000];
    ssize_t got = read(call->out, bytes, turn++ % 2 ? 17 : sizeof(bytes));
    if (got > 0)
        return call->wanted->output(call->wanted->userdata, bytes, (size_t)got, error);
    close(call->out);
    call->out = -1;
    return 0;
}

static int run_child(struct call *call, struct pyro_error *error)
{
    int r = 0, status;
    start(call);
    while (r == 0 && call->out >= 0) {
        struct pollfd fds[] = {{.fd = call->out, .events = POLLIN},
                               {.fd = call->in, .events = POLLOUT}};
        poll(fds, 2, -1);
        if (fds[1].revents)
            r = send_input(call, error);
        if (r == 0 && fds[0].revents)
            r = take_output(call, error);
    }
    if (r < 0)
        kill(call->pid, SIGKILL);
    if (call->in >= 0)
        close(call->in);
    if (call->out >= 0)
        close(call->out);
    waitpid(call->pid, &status, 0);
    if (r == 0 && status != 0)
        r = pyro_error_set(error, PYRO_ERROR_WORKSPACE_FAILED, "status %d", status);
    return r;
}

static int run_file(const char *path, const struct pyro_tree_call *wanted, struct pyro_error *error)
{
    uint8_t bytes[5000];
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    while (wanted->input && (got = wanted->input(wanted->userdata, bytes, 100, error)) != 0) {
        if (got < 0)
            return -1;
    }
    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        if (wanted->output(wanted->userdata, bytes, (size_t)got, error) < 0)
            return -1;
    }
    return 0;
}

static int run(void *userdata, const struct pyro_tree_call *wanted, struct pyro_error *error)
{
    const struct guest *guest = userdata;
    struct call call = {.wanted = wanted};
    if (!guest->directory)
        return run_file(strcmp(wanted->arguments[0], "list") == 0 ? guest->list : guest->fetch,
                        wanted, error);
    pyro_buffer_init(&call.waiting, 1000);
    int r = run_child(&call, error);
    pyro_buffer_finish(&call.waiting);
    return r;
}

/* What the agent sends of a tree becomes the baseline, as if it had received it. */
static int take(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error)
{
    const struct pyro_tree_entry *entry = &record->entry;
    bool is_entry = record->type == PYRO_TREE_ENTRY;
    if (is_entry && *entry->path == '\0')
        return 0;
    if (pyro_baseline_add(userdata, record, error) < 0)
        return -1;
    if (is_entry)
        pyro_baseline_note(userdata, &(struct pyro_tree_result){.inode = entry->inode,
                                                                .ctime_ns = entry->ctime_ns});
    return 0;
}

static int feed(void *userdata, const uint8_t *bytes, size_t size, struct pyro_error *error)
{
    return pyro_tree_reader_feed(userdata, bytes, size, error);
}

static int make_baseline(int bundle, const char *directory, struct pyro_error *error)
{
    struct guest guest = {.directory = directory};
    struct pyro_baseline_writer *writer;
    struct pyro_tree_reader reader;
    const char *const words[] = {"send", directory, "", NULL};
    const struct pyro_tree_call call = {.arguments = words, .userdata = &reader, .output = feed};
    if (pyro_baseline_create(bundle, &writer, error) < 0)
        return -1;
    pyro_tree_reader_init(&reader, take, writer);
    int r = run(&guest, &call, error);
    if (r == 0)
        r = pyro_baseline_finish(writer, error);
    pyro_tree_reader_finish(&reader);
    pyro_baseline_destroy(writer);
    return r;
}

static int make_diff(int bundle, struct guest *guest, const char *patch_path,
                     struct pyro_error *error)
{
    const struct pyro_tree_channel channel = {.userdata = guest, .run = run};
    struct pyro_buffer patch;
    json_t *result = NULL;
    uint64_t start_ms = pyro_now_ms();
    if (pyro_diff_make(&channel, guest->directory ? guest->directory : "/", bundle, &result, &patch,
                       error) < 0)
        return -1;
    fprintf(stderr, "%d ms\n", (int)(pyro_now_ms() - start_ms));
    json_dumpf(result, stdout, 0);
    json_decref(result);
    pyro_file_replace_at(AT_FDCWD, patch_path, patch.bytes, patch.size, 0600, 0);
    pyro_buffer_finish(&patch);
    return 0;
}

int main(int argc, char **argv)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    int r = -1;
    signal(SIGPIPE, SIG_IGN);
    cleanup_close int bundle = argc < 4 ? -1 : open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bundle < 0)
        return 2;
    if (argc == 4 && strcmp(argv[1], "baseline") == 0)
        r = make_baseline(bundle, argv[3], &error);
    else if (argc == 5 && strcmp(argv[1], "diff") == 0)
        r = make_diff(bundle, &(struct guest){.directory = argv[3]}, argv[4], &error);
    else if (argc == 6 && strcmp(argv[1], "answers") == 0)
        r = make_diff(bundle, &(struct guest){.list = argv[3], .fetch = argv[4]}, argv[5], &error);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", pyro_error_name(error.code), error.message);
    return r < 0;
}
