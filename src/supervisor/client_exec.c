/* Waiting on a supervisor: for its guest to run, for a command's output and end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "supervisor/client_connection.h"
#include "wire/frame.h"

enum {
    CREDIT_STEP = 64 * 1024, /* give credit back in steps of this, not for every frame */
    PROGRESS_MS = 1000,
};

struct exec_wait {
    const struct pyro_observer *observer;
    const struct pyro_client_input *input; /* NULL: stdin is the observer's descriptor */
    uint32_t stream;
    bool ended, refused; /* refused: the observer wants no more */
    struct pyro_exited exited;
    uint32_t owed[4];      /* by channel: consumed, credit not yet given */
    uint32_t stdin_window; /* what we may send */
    bool stdin_open;
};

/* One frame that is not about a command. */
static void take_state(struct pyro_client *client, const struct pyro_frame *frame)
{
    struct pyro_state state;
    if (frame->type == PYRO_FRAME_FAILURE) {
        client->failed = pyro_failure_unpack(frame->payload, frame->length, &client->failure) == 0;
    } else if (frame->type == PYRO_FRAME_STATE &&
               pyro_state_unpack(frame->payload, frame->length, &state) == 0) {
        client->running = state.phase == PYRO_PHASE_RUNNING;
        client->stopped = state.phase == PYRO_PHASE_STOPPED;
        client->frozen = state.phase == PYRO_PHASE_FROZEN;
        memcpy(client->boot_json, state.boot_json, sizeof(client->boot_json));
    } else if (frame->type == PYRO_FRAME_KEPT) {
        client->kept = true;
    } else if (frame->type == PYRO_FRAME_ANSWER && frame->stream == client->asked) {
        json_decref(client->answer);
        client->answer = json_loadb((const char *)frame->payload, frame->length, 0, NULL);
        client->asked = 0;
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
    enum pyro_stream stream = frame->channel == PYRO_CHANNEL_STDOUT ? PYRO_STDOUT : PYRO_STDERR;
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
    case PYRO_FRAME_RECORDED:
        pyro_u32_unpack(frame->payload, frame->length, &client->sequence);
        break;
    case PYRO_FRAME_EXITED:
        wait->ended = pyro_exited_unpack(frame->payload, frame->length, &wait->exited) == 0;
        break;
    default:
        break;
    }
}

int pyro_client_receive(struct pyro_client *client, struct exec_wait *wait)
{
    long got = pyro_buffer_read(&client->in, client->fd, client->read_most);
    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return got == 0 ? -EPIPE : (int)got;
    if ((size_t)got == client->read_most)
        client->read_most = MIN(4 * client->read_most, (size_t)2 * PYRO_FRAME_SIZE_MAX);
    client->heard = true;
    struct pyro_frame frame;
    int r;
    while ((r = pyro_frame_decode(pyro_buffer_data(&client->in), client->in.size, PYRO_TO_CLIENT,
                                  &frame)) > 0) {
        take_frame(client, wait, &frame);
        pyro_buffer_consume(&client->in, pyro_frame_size(&frame));
    }
    return r;
}

/* Some bytes of the observer's stdin: how many, 0 at the end or as good as that, -EAGAIN. */
static long read_stdin(struct exec_wait *wait, uint8_t *bytes, size_t most)
{
    ssize_t got = read(wait->observer->stdin_fd, bytes, most);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? -EAGAIN : 0;
    return got;
}

/* Forwards some input when there is a window for it, read straight into its frame. False when there
 * is none now. */
static bool forward_input(struct pyro_client *client, struct exec_wait *wait)
{
    struct pyro_buffer *out = &client->out;
    size_t most = MIN((size_t)PYRO_FRAME_PAYLOAD_MAX, (size_t)wait->stdin_window);
    uint8_t *frame = pyro_buffer_reserve(out, PYRO_FRAME_HEADER_SIZE + most);
    if (!frame)
        return false;
    uint8_t *bytes = frame + PYRO_FRAME_HEADER_SIZE;
    long got = wait->input ? wait->input->read(wait->input->userdata, bytes, most)
                           : read_stdin(wait, bytes, most);
    if (got == -EAGAIN)
        return false;
    if (got < 0) {
        wait->refused = true;
        return false;
    }
    wait->stdin_open = got > 0;
    pyro_frame_header(frame, PYRO_FRAME_DATA, PYRO_CHANNEL_STDIN, wait->stream, (uint32_t)got);
    pyro_buffer_commit(out, PYRO_FRAME_HEADER_SIZE + (size_t)got);
    wait->stdin_window -= (uint32_t)got;
    return true;
}

/* Nothing is taken from the input for a guest that may never come up. */
static bool wants_input(const struct pyro_client *client, const struct exec_wait *wait)
{
    return client->running && wait && wait->stdin_open && wait->stdin_window > 0 &&
           pyro_buffer_room(&client->out) > PYRO_FRAME_SIZE_MAX;
}

/* All that the window takes: a callback never keeps anybody waiting. */
static void forward_callback(struct pyro_client *client, struct exec_wait *wait)
{
    bool more = wait && wait->input && !wait->refused;
    while (more && wants_input(client, wait))
        more = forward_input(client, wait);
}

static void report_boot(struct pyro_client *client, const struct pyro_observer *observer)
{
    uint64_t now = pyro_now_ms();
    if (client->running || !observer || !observer->progress ||
        now - client->progress_ms < PROGRESS_MS)
        return;
    client->progress_ms = now;
    const struct pyro_progress progress = {
        .operation = "boot", .phase = "guest", .message = "waiting for it to answer"};
    observer->progress(observer->userdata, &progress);
}

int pyro_client_turn(struct pyro_client *client, const struct pyro_observer *observer,
                     struct exec_wait *wait)
{
    forward_callback(client, wait);
    bool wants_stdin = wants_input(client, wait) && !wait->input;
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
        forward_input(client, wait);
    int r = polls[0].revents & (POLLIN | POLLHUP | POLLERR) ? pyro_client_receive(client, wait) : 0;
    if (r == 0 && client->out.size > 0) {
        r = pyro_buffer_write(&client->out, client->fd);
        /* A supervisor that ends says why before it closes: read that first. */
        if (r < 0)
            r = r == -EAGAIN || r == -EPIPE || r == -ECONNRESET ? 0 : r;
    }
    return r < 0 ? r : wait && wait->refused;
}

int pyro_client_explain(const struct pyro_client *client, int turned, struct pyro_error *error)
{
    if (client->failed) {
        enum pyro_error_code code =
            client->failure.code > PYRO_ERROR_NONE && client->failure.code < PYRO_ERROR_COUNT
                ? (enum pyro_error_code)client->failure.code
                : PYRO_ERROR_INTERNAL;
        pyro_error_set(error, code, "%s", client->failure.message);
        return pyro_error_hint(error, "%s", client->failure.hint);
    }
    if (turned > 0)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    if (client->stopped)
        return pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "%s was stopped by somebody else",
                              client->vm_id);
    if (!client->heard)
        return pyro_client_fail_not_running(client->vm_id, error);
    pyro_error_set(error, PYRO_ERROR_SUPERVISOR_DIED, "%s ended: its supervisor is gone",
                   client->vm_id);
    return pyro_error_hint(error, "run the command again");
}

int pyro_client_wait_running(struct pyro_client *client, const struct pyro_observer *observer,
                             struct pyro_error *error)
{
    int r = 0;
    while (r == 0 && !client->running && !client->stopped && !client->failed)
        r = pyro_client_turn(client, observer, NULL);
    return client->running && r == 0 ? 0 : pyro_client_explain(client, r, error);
}

int pyro_client_freeze(struct pyro_client *client, const struct pyro_observer *observer,
                       struct pyro_error *error)
{
    int r = pyro_frame_append(&client->out, PYRO_FRAME_FREEZE, PYRO_CHANNEL_NONE, 0, NULL, 0);
    while (r == 0 && !client->frozen && !client->stopped && !client->failed)
        r = pyro_client_turn(client, observer, NULL);
    return client->frozen ? 0 : pyro_client_explain(client, r, error);
}

int pyro_client_explain_exec(int r, struct pyro_error *error)
{
    if (r == -EMSGSIZE || r == -E2BIG) {
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                       "cannot run the command: its words are longer than 64 KiB, or more than %d",
                       PYRO_EXEC_ARGUMENTS_MAX);
        pyro_error_hint(error, "put long input into stdin or a file");
        return pyro_error_field(error, "command");
    }
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot run the command") : 0;
}

static int exec_with(struct pyro_client *client, struct pyro_exec *exec, struct exec_wait *wait,
                     struct pyro_exited *ret_exited, struct pyro_error *error)
{
    wait->stream = ++client->last_stream;
    wait->stdin_window = PYRO_WINDOW_INITIAL;
    client->sequence = 0;
    exec->flags = (exec->flags & ~(uint32_t)PYRO_EXEC_STDIN) |
                  (wait->stdin_open ? (uint32_t)PYRO_EXEC_STDIN : 0);
    if (pyro_client_explain_exec(pyro_exec_pack(&client->out, wait->stream, exec), error) < 0)
        return -1;
    int r = 0;
    while (r == 0 && !wait->ended && !client->stopped && !client->failed)
        r = pyro_client_turn(client, wait->observer, wait);
    if (wait->ended && r >= 0) {
        *ret_exited = wait->exited;
        return wait->refused ? pyro_client_explain(client, 1, error) : 0;
    }
    if (r > 0) { /* whoever shares this VM keeps it, the command goes */
        pyro_frame_append(&client->out, PYRO_FRAME_KILL, PYRO_CHANNEL_NONE, wait->stream, NULL, 0);
        pyro_buffer_write(&client->out, client->fd);
    }
    return pyro_client_explain(client, r, error);
}

int pyro_client_exec(struct pyro_client *client, struct pyro_exec *exec,
                     const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                     struct pyro_error *error)
{
    struct exec_wait wait = {.observer = observer,
                             .stdin_open = observer && observer->stdin_fd >= 0};
    return exec_with(client, exec, &wait, ret_exited, error);
}

int pyro_client_exec_from(struct pyro_client *client, struct pyro_exec *exec,
                          const struct pyro_client_input *input,
                          const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                          struct pyro_error *error)
{
    struct exec_wait wait = {.observer = observer, .input = input, .stdin_open = input != NULL};
    return exec_with(client, exec, &wait, ret_exited, error);
}

int pyro_client_keep(struct pyro_client *client, const char *seed_json,
                     const struct pyro_observer *observer, struct pyro_error *error)
{
    int r = pyro_keep_pack(&client->out, seed_json);
    while (r == 0 && !client->kept && !client->stopped && !client->failed)
        r = pyro_client_turn(client, observer, NULL);
    return client->kept ? 0 : pyro_client_explain(client, r, error);
}
