#include "guest/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/macros.h"
#include "guest/command.h"
#include "guest/console.h"

/* Credit is returned in pieces of this size: the host still has three quarters of its window. */
enum { CREDIT_STEP = PYRO_WINDOW_INITIAL / 4 };

static void close_input(struct pyro_input *input)
{
    pyro_source_remove(&input->source);
    if (input->fd >= 0)
        close(steal_fd(&input->fd));
}

/* A terminal is hung up when its other end is closed, which is the output's too. */
static void end_input(struct pyro_input *input)
{
    struct pyro_output *output = &input->command->outputs[0];
    close_input(input);
    if (!output->is_terminal)
        return;
    pyro_output_close(output);
    pyro_command_hang_up(input->command);
}

static void return_credit(struct pyro_input *input, size_t consumed)
{
    struct pyro_command *command = input->command;
    input->owed += (uint32_t)consumed;
    if (input->owed < CREDIT_STEP)
        return;
    pyro_agent_sent(pyro_credit_pack(&command->agent->port.out, command->stream, PYRO_CHANNEL_STDIN,
                                     input->owed));
    input->window += input->owed;
    input->owed = 0;
}

/* Writes what the pipe takes and returns how much that is. A command that closed its stdin is not
 * waited for: then it counts as all. */
static size_t write_input(struct pyro_input *input, const uint8_t *bytes, size_t size)
{
    ssize_t put = 0;
    if (input->fd >= 0 && size > 0) {
        do
            put = write(input->fd, bytes, size);
        while (put < 0 && errno == EINTR);
        if (put < 0 && errno != EAGAIN)
            close_input(input);
    }
    return input->fd < 0 ? size : (size_t)MAX(put, (ssize_t)0);
}

/* Afterwards `consumed` more bytes are gone from the window. */
static void go_on(struct pyro_input *input, size_t consumed)
{
    return_credit(input, consumed);
    if (input->ended && input->waiting.size == 0)
        end_input(input);
    pyro_source_set(&input->source, input->waiting.size > 0 ? EPOLLOUT : 0);
}

static void on_input(struct pyro_source *source, uint32_t events)
{
    struct pyro_input *input = source->userdata;
    if (input->command->finished)
        return;
    if (events & (EPOLLERR | EPOLLHUP)) /* nobody reads any more */
        close_input(input);
    size_t put = write_input(input, pyro_buffer_data(&input->waiting), input->waiting.size);
    pyro_buffer_consume(&input->waiting, put);
    go_on(input, put);
}

int pyro_input_init(struct pyro_input *input, struct pyro_command *command, int fd)
{
    *input = (struct pyro_input){.command = command, .fd = fd, .window = PYRO_WINDOW_INITIAL};
    pyro_buffer_init(&input->waiting, PYRO_WINDOW_INITIAL);
    if (fd < 0)
        return 0;
    /* The whole window now, so that running out of memory later cannot lose data. */
    if (!pyro_buffer_reserve(&input->waiting, PYRO_WINDOW_INITIAL))
        return -ENOMEM;
    return pyro_source_add(&command->agent->loop, &input->source, fd, 0, on_input, input);
}

void pyro_input_finish(struct pyro_input *input)
{
    close_input(input);
    pyro_buffer_finish(&input->waiting);
}

/* A pipe is emptied first; hanging up does not wait for those who do not read. */
static void end(struct pyro_input *input)
{
    struct pyro_command *command = input->command;
    input->ended = true;
    if (!command->outputs[0].is_terminal)
        return;
    pyro_buffer_consume(&input->waiting, input->waiting.size);
}

/* Whoever reads the terminal is let in by the kernel as soon as there is something to read, and has
 * mostly shown it when we come back: that need not wait for the next turn of the loop. */
static void look_for_echo(struct pyro_command *command)
{
    if (command->outputs[0].is_terminal)
        pyro_output_look(&command->outputs[0]);
}

int pyro_input_receive(struct pyro_input *input, const uint8_t *bytes, uint32_t size)
{
    if (size > input->window)
        return -EPROTO;
    input->window -= size;
    if (size == 0)
        end(input);
    size_t put = input->waiting.size == 0 ? write_input(input, bytes, size) : 0;
    int r = pyro_buffer_append(&input->waiting, bytes + put, size - put);
    if (r == 0)
        go_on(input, put);
    if (r == 0 && put > 0)
        look_for_echo(input->command);
    return r;
}

/* Closing the pipe can wait until EXITED is sent. */
static void end_output(struct pyro_output *output)
{
    output->bounded = true;
    output->left = 0;
}

bool pyro_output_is_done(const struct pyro_output *output)
{
    return output->fd < 0 || (output->bounded && output->left == 0);
}

static bool is_congested(const struct pyro_output *output)
{
    return output->command->agent->port.out.size >= PYRO_PORT_OUT_HIGH;
}

enum pumped {
    PUMPED_SOME,
    PUMPED_NOTHING, /* there is nothing in the pipe */
    PUMPED_NOT,     /* nothing may be sent now: for want of credit, room or memory */
};

/* Moves one piece from the pipe into one DATA frame, read straight into its place. */
static enum pumped pump_output(struct pyro_output *output)
{
    struct pyro_buffer *out = &output->command->agent->port.out;
    size_t most = MIN(output->credit, (uint32_t)PYRO_FRAME_PAYLOAD_MAX);
    if (output->bounded)
        most = MIN(most, output->left);
    if (output->fd < 0 || most == 0 || is_congested(output))
        return PUMPED_NOT;
    uint8_t *frame = pyro_buffer_reserve(out, PYRO_FRAME_HEADER_SIZE + most);
    if (!frame)
        return PUMPED_NOT;
    ssize_t got;
    do
        got = read(output->fd, frame + PYRO_FRAME_HEADER_SIZE, most);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return PUMPED_NOTHING;
    if (got <= 0) { /* of a terminal EIO: it was hung up */
        end_output(output);
        return PUMPED_NOTHING;
    }
    pyro_frame_header(frame, PYRO_FRAME_DATA, output->channel, output->command->stream,
                      (uint32_t)got);
    pyro_buffer_commit(out, PYRO_FRAME_HEADER_SIZE + (size_t)got);
    output->credit -= (uint32_t)got;
    if (output->bounded)
        output->left -= (uint32_t)got;
    return PUMPED_SOME;
}

/* That nothing is left in a pipe its size tells, or an event; in a terminal, that a read finds
 * nothing. */
static void drain_terminal(struct pyro_output *output)
{
    enum pumped pumped;
    do
        pumped = pump_output(output);
    while (pumped == PUMPED_SOME);
    if (pumped == PUMPED_NOTHING)
        end_output(output);
}

void pyro_output_look(struct pyro_output *output)
{
    struct pyro_command *command = output->command;
    if (command->finished)
        return;
    if (pump_output(output) == PUMPED_NOTHING && output->bounded)
        end_output(output);
    pyro_output_watch(output);
    pyro_command_settle(command);
}

static void on_output(struct pyro_source *source, uint32_t events)
{
    (void)events;
    pyro_output_look(source->userdata);
}

void pyro_output_init(struct pyro_output *output, struct pyro_command *command,
                      enum pyro_channel channel, int fd)
{
    *output = (struct pyro_output){
        .command = command, .channel = channel, .fd = fd, .credit = PYRO_WINDOW_INITIAL};
}

void pyro_output_close(struct pyro_output *output)
{
    pyro_source_remove(&output->source);
    if (output->fd >= 0)
        close(steal_fd(&output->fd));
}

void pyro_output_credit(struct pyro_output *output, uint32_t bytes)
{
    output->credit += MIN(bytes, UINT32_MAX - output->credit);
    pyro_output_watch(output);
}

/* A pipe whose writers are gone reports that whatever one asks for: not wanted means not watched.
 */
void pyro_output_watch(struct pyro_output *output)
{
    if (output->bounded && output->is_terminal)
        drain_terminal(output);
    bool wanted = !pyro_output_is_done(output) && output->credit > 0 && !is_congested(output);
    if (!wanted)
        pyro_source_remove(&output->source);
    if (!wanted || output->source.loop)
        return;
    int r = pyro_source_add(&output->command->agent->loop, &output->source, output->fd, EPOLLIN,
                            on_output, output);
    if (r < 0) {
        pyro_console_log("output of a command is lost: %s", strerror(-r));
        pyro_output_close(output);
    }
}

void pyro_output_bound(struct pyro_output *output)
{
    enum { TERMINAL_MOST = 256 * 1024 }; /* its driver tells no size, and others may write to it */
    int size = TERMINAL_MOST;
    if (pyro_output_is_done(output))
        return;
    if (!output->is_terminal &&
        (pump_output(output) == PUMPED_NOTHING || ioctl(output->fd, FIONREAD, &size) < 0)) {
        end_output(output);
        return;
    }
    output->bounded = true;
    output->left = (uint32_t)MAX(size, 0);
    pump_output(output);
    pyro_output_watch(output);
}
