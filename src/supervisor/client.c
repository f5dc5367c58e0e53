#include "supervisor/client.h"

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
#include "wire/frame.h"

enum {
    CREDIT_STEP = 64 * 1024, /* give credit back in steps of this, not for every frame */
    STOP_WAIT_MS = 15 * 1000,
    PROGRESS_MS = 1000,
};

struct pyro_client {
    int fd;
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_buffer in, out;
    bool running, failed; /* failed: a FAILURE came, it is in `failure` */
    struct pyro_failure failure;
    char boot_json[sizeof(((struct pyro_state *)0)->boot_json)];
    uint32_t last_stream;
    uint64_t started_ms, progress_ms;
};

/* What one command needs while it is waited for. */
struct exec_wait {
    const struct pyro_observer *observer;
    uint32_t stream;
    bool ended, refused; /* refused: the observer wants no more */
    struct pyro_exited exited;
    uint32_t owed[4];      /* by channel: consumed, credit not yet given */
    uint32_t stdin_window; /* what we may send */
    bool stdin_open;
};

static struct pyro_client *create(int fd, const char *vm_id)
{
    struct pyro_client *client = calloc(1, sizeof(*client));
    if (!client || pyro_fd_set_nonblocking(fd) < 0) {
        free(client);
        close(fd);
        return NULL;
    }
    client->fd = fd;
    snprintf(client->vm_id, sizeof(client->vm_id), "%s", vm_id);
    pyro_buffer_init(&client->in, 4 * PYRO_FRAME_SIZE_MAX);
    pyro_buffer_init(&client->out, 2 * PYRO_FRAME_SIZE_MAX + 2 * PYRO_WINDOW_INITIAL);
    client->started_ms = client->progress_ms = pyro_now_ms();
    return client;
}

void pyro_client_destroy(struct pyro_client *client)
{
    if (!client)
        return;
    close(client->fd);
    pyro_buffer_finish(&client->in);
    pyro_buffer_finish(&client->out);
    free(client);
}

const char *pyro_client_boot_json(const struct pyro_client *client)
{
    return client->boot_json;
}

static int open_log(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int directory = pyro_bundle_log_directory(vm_id);
    if (directory < 0 && pyro_bundle_open(home, vm_id, &directory, NULL) < 0)
        return -1;
    return openat(directory, "supervisor.log",
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int spawn(const struct pyro_home *home, const char *vm_id, int client, int lock,
                 int environment_lock)
{
    cleanup_close int log = open_log(home, vm_id);
    cleanup_free char *program = pyro_text_format("%s/pyro-supervisor", home->libexec);
    struct pyro_argv argv = {0};
    if (!program)
        return -ENOMEM;
    pyro_argv_add(&argv, program);
    pyro_argv_add(&argv, home->path);
    pyro_argv_add(&argv, vm_id);
    const int keep[] = {client, lock, environment_lock};
    for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
        pyro_argv_addf(&argv, "%d", keep[i]);
    struct pyro_spawn child = {.argv = argv.words,
                               .stdin_fd = -1,
                               .stdout_fd = log,
                               .stderr_fd = log,
                               .keep = keep,
                               .keep_count = ARRAY_SIZE(keep),
                               .new_session = true};
    pid_t pid = -1;
    int r = argv.failed ? -ENOMEM : pyro_spawn(&child, &pid);
    pyro_argv_finish(&argv);
    if (r < 0)
        return r;
    r = pyro_process_wait(pid);
    return r < 0 ? r : 0;
}

int pyro_client_spawn(const struct pyro_home *home, const char *vm_id, int lock, int environment_lock,
                      struct pyro_client **ret_client, struct pyro_error *error)
{
    int ends[2];
    int r = pyro_fd_pair(ends);
    if (r == 0) {
        r = spawn(home, vm_id, ends[1], lock, environment_lock);
        close(ends[1]);
        if (r == 0)
            *ret_client = create(ends[0], vm_id);
        else
            close(ends[0]);
        if (r == 0 && !*ret_client)
            r = -ENOMEM;
    }
    if (r == -ENOENT) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM, "cannot start a VM: %s/pyro-supervisor is missing",
                       home->libexec);
        return pyro_error_hint(error, "install pyro again");
    }
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot start the supervisor of %s",
                                    vm_id);
    return 0;
}

static int connect_to(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int directory = -1;
    if (pyro_bundle_open(home, vm_id, &directory, NULL) < 0)
        return -ENOENT;
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", directory);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}

int pyro_client_connect(const struct pyro_home *home, const char *vm_id,
                        struct pyro_client **ret_client, struct pyro_error *error)
{
    int fd = connect_to(home, vm_id);
    if (fd < 0) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot reach %s: it is not running", vm_id);
        return pyro_error_hint(error, "start it first (vm_start)");
    }
    *ret_client = create(fd, vm_id);
    return *ret_client ? 0 : pyro_error_no_memory(error);
}

/* One frame that is not about a command. */
static void take_state(struct pyro_client *client, const struct pyro_frame *frame)
{
    struct pyro_state state;
    if (frame->type == PYRO_FRAME_FAILURE) {
        client->failed =
            pyro_failure_unpack(frame->payload, frame->length, &client->failure) == 0;
    } else if (frame->type == PYRO_FRAME_STATE &&
               pyro_state_unpack(frame->payload, frame->length, &state) == 0) {
        client->running = state.phase == PYRO_PHASE_RUNNING;
        memcpy(client->boot_json, state.boot_json, sizeof(client->boot_json));
    }
}

static void give_credit(struct pyro_client *client, struct exec_wait *wait, unsigned channel)
{
    if (wait->owed[channel] < CREDIT_STEP)
        return;
    pyro_credit_pack(&client->out, wait->stream, channel, wait->owed[channel]);
    wait->owed[channel] = 0;
}

static void take_data(struct pyro_client *client, struct exec_wait *wait,
                      const struct pyro_frame *frame)
{
    enum pyro_stream stream =
        frame->channel == PYRO_CHANNEL_STDOUT ? PYRO_STDOUT : PYRO_STDERR;
    const struct pyro_observer *observer = wait->observer;
    if (!wait->refused && observer && observer->output && frame->length > 0)
        wait->refused =
            observer->output(observer->userdata, stream, frame->payload, frame->length) != 0;
    wait->owed[frame->channel] += frame->length;
    give_credit(client, wait, frame->channel);
}

static void take_frame(struct pyro_client *client, struct exec_wait *wait,
                       const struct pyro_frame *frame)
{
    uint32_t credit;
    if (!wait || frame->stream != wait->stream) {
        take_state(client, frame);
        return;
    }
    switch (frame->type) {
    case PYRO_FRAME_DATA:
        take_data(client, wait, frame);
        break;
    case PYRO_FRAME_CREDIT:
        if (pyro_u32_unpack(frame->payload, frame->length, &credit) == 0)
            wait->stdin_window += credit;
        break;
    case PYRO_FRAME_EXITED:
        wait->ended = pyro_exited_unpack(frame->payload, frame->length, &wait->exited) == 0;
        break;
    default:
        break;
    }
}

/* Reads what is there. 0, or a negative errno when the supervisor is gone. */
static int receive(struct pyro_client *client, struct exec_wait *wait)
{
    long got = pyro_buffer_read(&client->in, client->fd, 2 * PYRO_FRAME_SIZE_MAX);
    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return got == 0 ? -EPIPE : (int)got;
    struct pyro_frame frame;
    int r;
    while ((r = pyro_frame_decode(pyro_buffer_data(&client->in), client->in.size, PYRO_TO_CLIENT,
                                  &frame)) > 0) {
        take_frame(client, wait, &frame);
        pyro_buffer_consume(&client->in, pyro_frame_size(&frame));
    }
    return r;
}

/* Forwards some stdin when there is a window for it. */
static void forward_stdin(struct pyro_client *client, struct exec_wait *wait)
{
    char block[32 * 1024];
    size_t most = MIN(sizeof(block), (size_t)wait->stdin_window);
    ssize_t got = read(wait->observer->stdin_fd, block, most);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        got = 0; /* the end, or as good as it */
        wait->stdin_open = false;
    }
    pyro_frame_append(&client->out, PYRO_FRAME_DATA, PYRO_CHANNEL_STDIN, wait->stream, block,
                      (size_t)got);
    wait->stdin_window -= (uint32_t)got;
}

static void report_boot(struct pyro_client *client, const struct pyro_observer *observer)
{
    uint64_t now = pyro_now_ms();
    if (client->running || !observer || !observer->progress ||
        now - client->progress_ms < PROGRESS_MS)
        return;
    client->progress_ms = now;
    char message[64];
    snprintf(message, sizeof(message), "starting the guest, %.0f s",
             (double)(now - client->started_ms) / 1000);
    const struct pyro_progress progress = {
        .operation = "boot", .phase = "boot", .message = message};
    observer->progress(observer->userdata, &progress);
}

/* One turn: waits for the supervisor, stdin or cancellation, and handles what is ready. 1: cancelled;
 * 0: go on; a negative errno: the supervisor is gone. `wait` may be NULL. */
static int turn(struct pyro_client *client, const struct pyro_observer *observer,
                struct exec_wait *wait)
{
    bool wants_stdin = wait && wait->stdin_open && wait->stdin_window > 0 &&
                       pyro_buffer_room(&client->out) > PYRO_FRAME_SIZE_MAX;
    struct pollfd polls[3] = {
        {.fd = client->fd, .events = POLLIN | (client->out.size > 0 ? POLLOUT : 0)},
        {.fd = observer ? observer->cancel_fd : -1, .events = POLLIN},
        {.fd = wants_stdin ? observer->stdin_fd : -1, .events = POLLIN},
    };
    if (poll(polls, ARRAY_SIZE(polls), client->running ? -1 : PROGRESS_MS) < 0)
        return errno == EINTR ? 0 : -errno;
    report_boot(client, observer);
    if (polls[1].revents)
        return 1;
    if (polls[2].revents)
        forward_stdin(client, wait);
    int r = polls[0].revents & (POLLIN | POLLHUP | POLLERR) ? receive(client, wait) : 0;
    if (r == 0 && client->out.size > 0) {
        r = pyro_buffer_write(&client->out, client->fd);
        /* A supervisor that ends says why before it closes: read that first. */
        if (r < 0)
            r = r == -EAGAIN || r == -EPIPE || r == -ECONNRESET ? 0 : r;
    }
    return r < 0 ? r : wait && wait->refused;
}

/* Turns the end of a turn into an error. */
static int explain(const struct pyro_client *client, int turned, struct pyro_error *error)
{
    if (client->failed) {
        enum pyro_error_code code = client->failure.code > PYRO_ERROR_NONE &&
                                            client->failure.code < PYRO_ERROR_COUNT
                                        ? (enum pyro_error_code)client->failure.code
                                        : PYRO_ERROR_INTERNAL;
        pyro_error_set(error, code, "%s", client->failure.message);
        return pyro_error_hint(error, "%s", client->failure.hint);
    }
    if (turned > 0)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    pyro_error_set(error, PYRO_ERROR_SUPERVISOR_DIED, "%s ended: its supervisor is gone",
                   client->vm_id);
    return pyro_error_hint(error, "run the command again");
}

int pyro_client_wait_running(struct pyro_client *client, const struct pyro_observer *observer,
                             struct pyro_error *error)
{
    int r = 0;
    while (r == 0 && !client->running && !client->failed)
        r = turn(client, observer, NULL);
    return client->running && r == 0 ? 0 : explain(client, r, error);
}

static int send_exec(struct pyro_client *client, uint32_t stream, const struct pyro_exec *exec,
                     struct pyro_error *error)
{
    int r = pyro_exec_pack(&client->out, stream, exec);
    if (r == -EMSGSIZE || r == -E2BIG) {
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                       "cannot run the command: its words are longer than 64 KiB, or more than %d",
                       PYRO_EXEC_ARGUMENTS_MAX);
        pyro_error_hint(error, "put long input into stdin or a file");
        return pyro_error_field(error, "command");
    }
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot run the command") : 0;
}

int pyro_client_exec(struct pyro_client *client, struct pyro_exec *exec,
                     const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                     struct pyro_error *error)
{
    struct exec_wait wait = {.observer = observer,
                             .stream = ++client->last_stream,
                             .stdin_window = PYRO_WINDOW_INITIAL,
                             .stdin_open = observer && observer->stdin_fd >= 0};
    exec->flags = wait.stdin_open ? PYRO_EXEC_STDIN : 0;
    if (send_exec(client, wait.stream, exec, error) < 0)
        return -1;
    int r = 0;
    while (r == 0 && !wait.ended && !client->failed)
        r = turn(client, observer, &wait);
    if (wait.ended && r >= 0) {
        *ret_exited = wait.exited;
        return wait.refused ? explain(client, 1, error) : 0;
    }
    if (r > 0) { /* whoever shares this VM keeps it, the command goes */
        pyro_frame_append(&client->out, PYRO_FRAME_KILL, PYRO_CHANNEL_NONE, wait.stream, NULL, 0);
        pyro_buffer_write(&client->out, client->fd);
    }
    return explain(client, r, error);
}

static void kill_supervisor(struct pyro_client *client)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1 &&
        peer.pid != getpid())
        kill(peer.pid, SIGKILL);
}

bool pyro_client_stop(struct pyro_client *client, enum pyro_stop_kind kind)
{
    pyro_stop_pack(&client->out, kind);
    uint64_t deadline = pyro_now_ms() + STOP_WAIT_MS;
    uint64_t now;
    int r = 0;
    while (r == 0 && (now = pyro_now_ms()) < deadline) {
        int w = pyro_buffer_write(&client->out, client->fd);
        struct pollfd wait = {.fd = client->fd,
                              .events = POLLIN | (w == -EAGAIN ? POLLOUT : 0)};
        if (poll(&wait, 1, (int)(deadline - now)) > 0 && wait.revents & (POLLIN | POLLHUP | POLLERR))
            r = receive(client, NULL);
    }
    if (r == 0)
        kill_supervisor(client);
    return r == -EPIPE;
}
