/* Commands: whose they are, what each side may still send, and when their time is over. The frames'
 * payloads pass through unread; only the stream's number is exchanged. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/macros.h"
#include "supervisor/supervisor.h"

static struct command *find_guest(struct supervisor *supervisor, uint32_t stream)
{
    struct command *command = supervisor->commands;
    while (command && command->guest_stream != stream)
        command = command->next;
    return command;
}

static struct command *find_client(const struct client *client, uint32_t stream)
{
    struct command *command = client->supervisor->commands;
    while (command && (command->client != client || command->client_stream != stream))
        command = command->next;
    return command;
}

static void forget(struct command *command)
{
    struct supervisor *supervisor = command->supervisor;
    for (struct command **at = &supervisor->commands; *at; at = &(*at)->next) {
        if (*at == command) {
            *at = command->next;
            break;
        }
    }
    supervisor->command_count--;
    pyro_timer_stop(&command->timer);
    pyro_buffer_finish(&command->waiting);
    free(command);
}

static void to_client(const struct command *command, const struct pyro_frame *frame)
{
    if (!command->client)
        return;
    pyro_frame_append(&command->client->out, frame->type, frame->channel, command->client_stream,
                      frame->payload, frame->length);
    serve_flush(command->client);
}

static void to_guest(const struct command *command, const struct pyro_frame *frame)
{
    struct supervisor *supervisor = command->supervisor;
    pyro_frame_append(&supervisor->guest_out, frame->type, frame->channel, command->guest_stream,
                      frame->payload, frame->length);
    guest_flush(supervisor);
}

static void report_exit(struct command *command, const struct pyro_exited *exited)
{
    if (command->client) {
        pyro_exited_pack(&command->client->out, command->client_stream, exited);
        serve_flush(command->client);
    }
    forget(command);
}

/* The agent was told to kill the command and says nothing: the caller gets its answer all the same. */
static void kill_unanswered(struct pyro_timer *timer)
{
    struct command *command = timer->userdata;
    struct supervisor *supervisor = command->supervisor;
    const struct pyro_exited exited = {.kind = PYRO_EXIT_SIGNAL,
                                       .value = 9,
                                       .timed_out = command->timed_out,
                                       .duration_us = pyro_now_us() - command->sent_us};
    report_exit(command, &exited);
    life_event(supervisor, EVENT_GUEST_LOST, "the guest agent did not end a command it had to kill");
}

static void kill_in_guest(struct command *command)
{
    const struct pyro_frame frame = {.type = PYRO_FRAME_KILL};
    if (!command->sent) { /* the guest never heard of it */
        const struct pyro_exited exited = {.kind = PYRO_EXIT_SIGNAL, .value = 9};
        report_exit(command, &exited);
        return;
    }
    pyro_timer_start(&command->supervisor->loop, &command->timer, KILL_GRACE_MS, kill_unanswered,
                     command);
    to_guest(command, &frame);
}

static void time_over(struct pyro_timer *timer)
{
    struct command *command = timer->userdata;
    command->timed_out = true;
    kill_in_guest(command);
}

static void send_exec(struct command *command)
{
    struct supervisor *supervisor = command->supervisor;
    command->sent = true;
    command->sent_us = pyro_now_us();
    if (command->timeout_ms)
        pyro_timer_start(&supervisor->loop, &command->timer, command->timeout_ms, time_over,
                         command);
    pyro_buffer_append(&supervisor->guest_out, pyro_buffer_data(&command->waiting),
                       command->waiting.size);
    pyro_buffer_finish(&command->waiting);
}

void command_send_waiting(struct supervisor *supervisor)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (!command->sent)
            send_exec(command);
    }
    guest_flush(supervisor);
}

static void refuse(struct client *client, uint32_t stream, uint32_t why)
{
    const struct pyro_exited exited = {.kind = PYRO_EXIT_UNSTARTED, .value = why};
    pyro_exited_pack(&client->out, stream, &exited);
    serve_flush(client);
}

void command_exec(struct client *client, const struct pyro_frame *frame)
{
    struct supervisor *supervisor = client->supervisor;
    struct pyro_exec exec;
    int r = pyro_exec_unpack(frame->payload, frame->length, &exec);
    struct command *command = NULL;
    if (r == 0 && (supervisor->command_count >= COMMANDS_MAX || find_client(client, frame->stream)))
        r = -EBUSY;
    if (r == 0)
        r = (command = calloc(1, sizeof(*command))) ? 0 : -ENOMEM;
    if (r < 0) {
        refuse(client, frame->stream, (uint32_t)-r);
        return;
    }
    *command = (struct command){.supervisor = supervisor,
                                .client = client,
                                .client_stream = frame->stream,
                                .guest_stream = ++supervisor->last_stream,
                                .timeout_ms = exec.timeout_ms,
                                .next = supervisor->commands};
    pyro_exec_finish(&exec);
    for (size_t i = 0; i < ARRAY_SIZE(command->window); i++)
        command->window[i] = PYRO_WINDOW_INITIAL;
    /* Stdin may come before the guest is up, so the queue is as large as a frame and a window. */
    pyro_buffer_init(&command->waiting, 2 * PYRO_FRAME_SIZE_MAX + 4 * PYRO_WINDOW_INITIAL);
    pyro_frame_append(&command->waiting, PYRO_FRAME_EXEC, PYRO_CHANNEL_NONE, command->guest_stream,
                      frame->payload, frame->length);
    supervisor->commands = command;
    supervisor->command_count++;
    if (supervisor->state == STATE_RUNNING)
        command_send_waiting(supervisor);
}

static uint32_t credit_of(const struct pyro_frame *frame)
{
    uint32_t bytes = 0;
    pyro_u32_unpack(frame->payload, frame->length, &bytes);
    return bytes;
}

void command_from_client(struct client *client, const struct pyro_frame *frame)
{
    struct command *command = find_client(client, frame->stream);
    if (!command)
        return; /* it ended while the frame was on its way */
    uint32_t *window = &command->window[frame->channel];
    switch (frame->type) {
    case PYRO_FRAME_KILL:
        kill_in_guest(command);
        return;
    case PYRO_FRAME_CREDIT:
        *window = MIN(*window + (uint64_t)credit_of(frame), (uint64_t)UINT32_MAX / 2);
        break;
    default:
        if (frame->length > *window)
            return; /* a client that overruns its own window loses its own bytes */
        *window -= frame->length;
    }
    if (command->sent)
        to_guest(command, frame);
    else
        pyro_frame_append(&command->waiting, frame->type, frame->channel, command->guest_stream,
                          frame->payload, frame->length);
}

/* Output of a command whose client is gone is dropped, and credited so that the command can end. */
static void drop_output(struct command *command, const struct pyro_frame *frame)
{
    command->window[frame->channel] += frame->length;
    pyro_credit_pack(&command->supervisor->guest_out, command->guest_stream, frame->channel,
                     frame->length);
    guest_flush(command->supervisor);
}

static int exited_from_guest(struct command *command, const struct pyro_frame *frame)
{
    struct pyro_exited exited;
    if (pyro_exited_unpack(frame->payload, frame->length, &exited) < 0)
        return -EPROTO;
    exited.timed_out = command->timed_out;
    report_exit(command, &exited);
    return 0;
}

int command_from_guest(struct supervisor *supervisor, const struct pyro_frame *frame)
{
    struct command *command = find_guest(supervisor, frame->stream);
    if (supervisor->state < STATE_RUNNING || frame->stream > supervisor->last_stream)
        return -EPROTO;
    if (!command || !command->sent)
        return 0;
    uint32_t *window = &command->window[frame->channel];
    switch (frame->type) {
    case PYRO_FRAME_EXITED:
        return exited_from_guest(command, frame);
    case PYRO_FRAME_CREDIT:
        *window = MIN(*window + (uint64_t)credit_of(frame), (uint64_t)UINT32_MAX / 2);
        break;
    case PYRO_FRAME_DATA:
        if (frame->length > *window)
            return -EPROTO; /* more than it had credit for */
        *window -= frame->length;
        if (!command->client)
            drop_output(command, frame);
        break;
    default:
        break;
    }
    to_client(command, frame);
    return 0;
}

void command_client_gone(struct client *client)
{
    struct command *next;
    for (struct command *command = client->supervisor->commands; command; command = next) {
        next = command->next;
        if (command->client != client)
            continue;
        command->client = NULL;
        kill_in_guest(command);
    }
}

void command_finish_all(struct supervisor *supervisor)
{
    while (supervisor->commands)
        forget(supervisor->commands);
}
