/* The connection to a supervisor: made, ended, and the process at its other end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "supervisor/bundle.h"
#include "supervisor/client_connection.h"
#include "wire/frame.h"

enum {
    READ_FIRST = 4096,
    STOP_WAIT_MS = 15 * 1000, /* longer than the guest is given to power off */
    STOP_AT_ONCE_WAIT_MS = 5 * 1000,
};

/* Takes over a descriptor that does not block. */
static struct pyro_client *create(int fd, const struct pyro_home *home, const char *vm_id)
{
    struct pyro_client *client = calloc(1, sizeof(*client));
    if (!client) {
        close(fd);
        return NULL;
    }
    client->fd = fd;
    client->made_by = getpid();
    client->read_most = READ_FIRST;
    client->home = home;
    client->progress_ms = pyro_now_ms(); /* what is over in a moment needs no report */
    snprintf(client->vm_id, sizeof(client->vm_id), "%s", vm_id);
    pyro_buffer_init(&client->in, 4 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&client->out, 2 * PYRO_FRAME_SIZE_MAX + 2 * PYRO_WINDOW_INITIAL);
    return client;
}

void pyro_client_destroy(struct pyro_client *client)
{
    if (!client)
        return;
    close(client->fd);
    json_decref(client->answer);
    pyro_buffer_finish(&client->in);
    pyro_buffer_finish(&client->out);
    free(client);
}

const char *pyro_client_boot_json(const struct pyro_client *client)
{
    return client->boot_json;
}

bool pyro_client_was_heard(const struct pyro_client *client)
{
    return client->heard;
}

uint32_t pyro_client_sequence(const struct pyro_client *client)
{
    return client->sequence;
}

static int open_log(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int directory = pyro_bundle_log_directory(vm_id);
    if (directory < 0 && pyro_bundle_open(home, vm_id, &directory, NULL) < 0)
        return -1;
    return openat(directory, "supervisor.log",
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int spawn(const struct pyro_home *home, const char *vm_id, int client,
                 const struct pyro_holds *holds)
{
    cleanup_close int log = open_log(home, vm_id);
    cleanup_free char *program = pyro_text_format("%s/pyro-supervisor", home->libexec);
    struct pyro_argv argv = {0};
    if (!program)
        return -ENOMEM;
    pyro_argv_add(&argv, program);
    pyro_argv_add(&argv, home->path);
    pyro_argv_add(&argv, vm_id);
    const int keep[] = {client, holds->bundle, holds->environment, holds->template_};
    size_t keep_count = holds->template_path ? 4 : 3;
    for (size_t i = 0; i < 3; i++)
        pyro_argv_addf(&argv, "%d", keep[i]);
    if (holds->template_path) {
        pyro_argv_add(&argv, holds->template_path);
        pyro_argv_addf(&argv, "%d", holds->template_);
    }
    struct pyro_spawn child = {.argv = argv.words,
                               .stdin_fd = -1,
                               .stdout_fd = log,
                               .stderr_fd = log,
                               .keep = keep,
                               .keep_count = keep_count,
                               .new_session = true};
    pid_t pid = -1;
    int r = argv.failed ? -ENOMEM : pyro_spawn(&child, &pid);
    pyro_argv_finish(&argv);
    if (r < 0)
        return r;
    r = pyro_process_wait(pid);
    return r > 0 ? -EAGAIN : r; /* it could not fork */
}

int pyro_client_spawn(const struct pyro_home *home, const char *vm_id,
                      const struct pyro_holds *holds, struct pyro_client **ret_client,
                      struct pyro_error *error)
{
    int ends[2];
    int r = pyro_fd_pair(ends);
    if (r == 0) {
        r = pyro_fd_set_nonblocking(ends[0]);
        if (r == 0)
            r = spawn(home, vm_id, ends[1], holds);
        close(ends[1]);
        if (r == 0)
            *ret_client = create(ends[0], home, vm_id);
        else
            close(ends[0]);
        if (r == 0 && !*ret_client)
            r = -ENOMEM;
    }
    if (r == -ENOENT) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                       "cannot start a VM: %s/pyro-supervisor is missing", home->libexec);
        return pyro_error_hint(error, "install pyro again");
    }
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot start the supervisor of %s", vm_id);
    return 0;
}

static int connect_to(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int directory = -1;
    if (pyro_bundle_open(home, vm_id, &directory, NULL) < 0)
        return -ENOENT;
    /* Non-blocking: when too many wait to be let in, that is an error and not a wait without end.
     */
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", directory);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}

int pyro_client_fail_not_running(const char *vm_id, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot reach %s: it is not running", vm_id);
    return pyro_error_hint(error, "start it first (vm_start)");
}

int pyro_client_connect(const struct pyro_home *home, const char *vm_id,
                        struct pyro_client **ret_client, struct pyro_error *error)
{
    int fd = connect_to(home, vm_id);
    if (fd == -EAGAIN) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot reach %s: it has too many clients",
                       vm_id);
        return pyro_error_hint(error, "wait until some of its commands have ended");
    }
    if (fd < 0)
        return pyro_client_fail_not_running(vm_id, error);
    *ret_client = create(fd, home, vm_id);
    return *ret_client ? 0 : pyro_error_no_memory(error);
}

bool pyro_client_reuse(struct pyro_client *client, const char *vm_id)
{
    bool is_busy = client->out.size > 0 || client->asked;
    if (client->made_by != getpid() || strcmp(client->vm_id, vm_id) != 0 || is_busy ||
        !pyro_client_is_running(client))
        return false;
    client->heard = false;
    client->progress_ms = pyro_now_ms();
    return true;
}

bool pyro_client_is_running(struct pyro_client *client)
{
    int r = pyro_client_receive(client, NULL);
    return (r == 0 || r == -EAGAIN) && client->running && !client->stopped && !client->failed;
}

int pyro_client_claim(struct pyro_client *client, uint32_t ttl_seconds)
{
    return pyro_claim_pack(&client->out, ttl_seconds);
}

static pid_t peer_of(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -1;
}

/* A connection that the supervisor inherited does not tell its peer, because both ends were made
 * here: then it is whoever listens on the VM's socket. */
static void kill_supervisor(const struct pyro_client *client)
{
    pid_t pid = peer_of(client->fd);
    if (pid == getpid()) {
        cleanup_close int fd = connect_to(client->home, client->vm_id);
        pid = peer_of(fd);
    }
    if (pid > 1 && pid != getpid())
        kill(pid, SIGKILL);
}

bool pyro_client_stop(struct pyro_client *client, enum pyro_stop_kind kind,
                      const struct pyro_observer *observer)
{
    pyro_stop_pack(&client->out, kind);
    uint64_t deadline =
        pyro_now_ms() + (kind == PYRO_STOP_AT_ONCE ? STOP_AT_ONCE_WAIT_MS : STOP_WAIT_MS);
    uint64_t now;
    int r = 0;
    while (r == 0 && (now = pyro_now_ms()) < deadline) {
        int w = pyro_buffer_write(&client->out, client->fd);
        struct pollfd wait[] = {
            {.fd = client->fd, .events = POLLIN | (w == -EAGAIN ? POLLOUT : 0)},
            {.fd = observer ? observer->cancel_fd : -1, .events = POLLIN},
        };
        int ready = poll(wait, ARRAY_SIZE(wait), (int)(deadline - now));
        if (ready > 0 && wait[1].revents && client->out.size == 0)
            return false;
        if (ready > 0 && wait[0].revents & (POLLIN | POLLHUP | POLLERR))
            r = pyro_client_receive(client, NULL);
    }
    if (r == 0)
        kill_supervisor(client);
    return r == -EPIPE;
}
