/* Commands in the guest: what each side may still send, and when their time is over. What becomes
 * of what they write and of their end is their owner's business. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macros.h"
#include "supervisor/command.h"

static struct command *find(struct supervisor *supervisor, uint32_t stream)
{
    struct command *command = supervisor->commands;
    while (command && command->stream != stream)
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

/* What is sent to a guest that does not read leaves some room for what ends commands, and lets them
 * go on. */
static bool has_room(const struct supervisor *supervisor, size_t size)
{
    enum { CONTROL_ROOM = 256 * 1024 };
    return pyro_buffer_room(&supervisor->guest_out) >= size + CONTROL_ROOM;
}

/* Queues a frame behind the command's EXEC, wherever that is. 0, or a negative errno when there is
 * no room: the frame is not sent then. */
static int to_guest(struct command *command, enum pyro_frame_type type, enum pyro_channel channel,
                    const void *payload, uint32_t length)
{
    struct supervisor *supervisor = command->supervisor;
    struct pyro_buffer *out = command->sent ? &supervisor->guest_out : &command->waiting;
    int r = pyro_frame_append(out, type, channel, command->stream, payload, length);
    if (command->sent)
        guest_flush(supervisor);
    return r;
}

/* NULL: its guest ended first. The owner may end other commands of its own, but frees none. */
static void report_exit(struct command *command, const struct pyro_exited *exited)
{
    const struct command_owner *owner = command->owner;
    void *userdata = command->userdata;
    forget(command);
    owner->ended(userdata, exited);
}

/* The agent was told to kill the command and says nothing: the caller gets its answer all the same.
 * One that is busy ending others is not given up as quickly. */
static void kill_unanswered(struct pyro_timer *timer)
{
    struct command *command = timer->userdata;
    struct supervisor *supervisor = command->supervisor;
    uint64_t now = pyro_now_us();
    if (now - supervisor->heard_us < KILL_GRACE_MS * 1000ull &&
        now - command->killed_us < KILL_LIMIT_MS * 1000ull) {
        pyro_timer_start(&supervisor->loop, timer, KILL_GRACE_MS, kill_unanswered, command);
        return;
    }
    const struct pyro_exited exited = {.kind = PYRO_EXIT_SIGNAL,
                                       .value = 9,
                                       .timed_out = command->timed_out,
                                       .duration_us = now - command->sent_us};
    report_exit(command, &exited);
    life_event(supervisor, EVENT_GUEST_LOST,
               "the guest agent did not end a command it had to kill");
}

/* One that the guest has never heard of. */
static void report_unsent(struct pyro_timer *timer)
{
    const struct pyro_exited exited = {.kind = PYRO_EXIT_SIGNAL, .value = 9};
    report_exit(timer->userdata, &exited);
}

void command_kill(struct command *command)
{
    if (command->killed_us)
        return;
    command->killed_us = pyro_now_us();
    if (!command->sent) {
        pyro_timer_start(&command->supervisor->loop, &command->timer, 0, report_unsent, command);
        return;
    }
    pyro_timer_start(&command->supervisor->loop, &command->timer, KILL_GRACE_MS, kill_unanswered,
                     command);
    /* Should there be no room for it, the grace ends in the same way: the guest is lost. */
    to_guest(command, PYRO_FRAME_KILL, PYRO_CHANNEL_NONE, NULL, 0);
}

static void time_over(struct pyro_timer *timer)
{
    struct command *command = timer->userdata;
    command->timed_out = true;
    command_kill(command);
}

static int send_exec(struct command *command)
{
    struct supervisor *supervisor = command->supervisor;
    int r = has_room(supervisor, command->waiting.size)
                ? pyro_buffer_append(&supervisor->guest_out, pyro_buffer_data(&command->waiting),
                                     command->waiting.size)
                : -ENOBUFS;
    if (r < 0)
        return r;
    pyro_buffer_finish(&command->waiting);
    command->sent = true;
    command->sent_us = pyro_now_us();
    if (command->timeout_ms)
        pyro_timer_start(&supervisor->loop, &command->timer, command->timeout_ms, time_over,
                         command);
    return 0;
}

void command_send_waiting(struct supervisor *supervisor)
{
    static const struct pyro_exited too_many = {.kind = PYRO_EXIT_UNSTARTED, .value = EAGAIN};
    struct command *next;
    for (struct command *command = supervisor->commands; command; command = next) {
        next = command->next;
        if (!command->sent && !command->killed_us && send_exec(command) < 0)
            report_exit(command, &too_many);
    }
    guest_flush(supervisor);
}

/* At the end: commands start in the order in which they were asked for. */
static void append(struct command *command)
{
    struct command **at = &command->supervisor->commands;
    while (*at)
        at = &(*at)->next;
    *at = command;
    command->supervisor->command_count++;
}

int command_create(struct supervisor *supervisor, const struct pyro_exec *exec,
                   const struct command_owner *owner, void *userdata, struct command **ret_command)
{
    struct command *command =
        supervisor->command_count < COMMANDS_MAX ? calloc(1, sizeof(*command)) : NULL;
    if (!command)
        return -EAGAIN;
    *command = (struct command){.supervisor = supervisor,
                                .owner = owner,
                                .userdata = userdata,
                                .stream = ++supervisor->last_stream,
                                .timeout_ms = exec->timeout_ms};
    for (size_t i = 0; i < ARRAY_SIZE(command->window); i++)
        command->window[i] = PYRO_WINDOW_INITIAL;
    /* Stdin may come before the guest is up, so the queue is as large as a frame and a window. */
    pyro_buffer_init(&command->waiting, 2 * PYRO_FRAME_SIZE_MAX + 4 * PYRO_WINDOW_INITIAL);
    append(command);
    int r = pyro_exec_pack(&command->waiting, command->stream, exec);
    if (r < 0)
        forget(command);
    else
        *ret_command = command;
    return r;
}

void command_discard(struct command *command)
{
    forget(command);
}

void command_send(struct command *command)
{
    struct supervisor *supervisor = command->supervisor;
    if (supervisor->state != STATE_RUNNING)
        return;
    clock_check(supervisor); /* a timer may not have told yet that the host woke up */
    command_send_waiting(supervisor);
}

size_t command_write(struct command *command, const uint8_t *bytes, size_t size)
{
    size_t sent = 0;
    uint32_t *window = &command->window[PYRO_CHANNEL_STDIN];
    while (*window > 0 && sent < size) {
        uint32_t piece = (uint32_t)MIN(size - sent, MIN((size_t)*window, PYRO_FRAME_PAYLOAD_MAX));
        if ((command->sent && !has_room(command->supervisor, piece + PYRO_FRAME_HEADER_SIZE)) ||
            to_guest(command, PYRO_FRAME_DATA, PYRO_CHANNEL_STDIN, bytes + sent, piece) < 0)
            break;
        *window -= piece;
        sent += piece;
    }
    return sent;
}

int command_end_input(struct command *command)
{
    return to_guest(command, PYRO_FRAME_DATA, PYRO_CHANNEL_STDIN, NULL, 0);
}

int command_signal(struct command *command, int signal)
{
    struct supervisor *supervisor = command->supervisor;
    int r = pyro_signal_pack(&supervisor->guest_out, command->stream, (uint32_t)signal);
    guest_flush(supervisor);
    return r;
}

int command_resize(struct command *command, const struct pyro_terminal_size *size)
{
    struct supervisor *supervisor = command->supervisor;
    int r = pyro_resize_pack(&supervisor->guest_out, command->stream, size);
    guest_flush(supervisor);
    return r;
}

static uint32_t number_of(const struct pyro_frame *frame)
{
    uint32_t number = 0;
    pyro_u32_unpack(frame->payload, frame->length, &number);
    return number;
}

/* Never beyond the window it began with: what is not consumed piles up here. */
int command_grant(struct command *command, enum pyro_channel channel, uint32_t bytes)
{
    uint32_t *window = &command->window[channel];
    bytes = MIN(bytes, PYRO_WINDOW_INITIAL - *window);
    if (bytes == 0 || !command->sent)
        return 0;
    int r = pyro_credit_pack(&command->supervisor->guest_out, command->stream, channel, bytes);
    *window += r < 0 ? 0 : bytes;
    guest_flush(command->supervisor);
    return r;
}

static int exited_from_guest(struct command *command, const struct pyro_frame *frame)
{
    struct pyro_exited exited;
    if (pyro_exited_unpack(frame->payload, frame->length, &exited) < 0)
        return -EPROTO;
    /* One that ended by itself just before it was killed was in time. */
    exited.timed_out =
        command->timed_out && exited.kind == PYRO_EXIT_SIGNAL && exited.value == SIGKILL;
    report_exit(command, &exited);
    return 0;
}

/* Frames about nothing would cost the guest nothing and pile up before who does not read. */
static bool is_within(uint32_t bytes, uint32_t most)
{
    return bytes > 0 && bytes <= most;
}

/* Credit goes back in steps. */
static void take_output(struct command *command, const struct pyro_frame *frame)
{
    enum { STEP = PYRO_WINDOW_INITIAL / 4 };
    uint32_t owed = PYRO_WINDOW_INITIAL - command->window[frame->channel];
    if (command->owner->output(command->userdata, frame->channel, frame->payload, frame->length) &&
        owed >= STEP)
        command_grant(command, frame->channel, owed);
}

int command_from_guest(struct supervisor *supervisor, const struct pyro_frame *frame)
{
    struct command *command = find(supervisor, frame->stream);
    if (supervisor->state < STATE_RUNNING || frame->stream > supervisor->last_stream)
        return -EPROTO;
    if (!command || !command->sent)
        return 0;
    uint32_t *window = &command->window[frame->channel], number = number_of(frame);
    switch (frame->type) {
    case PYRO_FRAME_EXITED:
        return exited_from_guest(command, frame);
    case PYRO_FRAME_CREDIT:
        if (!is_within(number, PYRO_WINDOW_INITIAL - *window))
            return -EPROTO; /* credit for what was never sent */
        *window += number;
        command->owner->writable(command->userdata, number);
        return 0;
    case PYRO_FRAME_DATA:
        if (!is_within(frame->length, *window))
            return -EPROTO; /* more than it had credit for */
        *window -= frame->length;
        take_output(command, frame);
        return 0;
    default:
        if (command->started)
            return -EPROTO;
        command->started = true;
        command->owner->started(command->userdata, number);
        return 0;
    }
}

void command_finish_all(struct supervisor *supervisor)
{
    while (supervisor->commands)
        report_exit(supervisor->commands, NULL);
}
