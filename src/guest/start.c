/* From EXEC to STARTED. What a command's process needs lies ready (the spare), or is made now. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/command.h"
#include "guest/console.h"
#include "wire/pack.h"

static int connect_output(struct pyro_command *command, int i)
{
    struct pyro_output *output = &command->outputs[i];
    pyro_output_init(output, command, (enum pyro_channel)(PYRO_CHANNEL_STDOUT + i),
                     steal_fd(&command->spawn.streams[1 + i]));
    pyro_output_watch(output);
    return output->fd < 0 ? -ENOMEM : 0;
}

/* All that a command needs to run, except what EXEC says. */
static int make(struct pyro_agent *agent, struct pyro_command **ret_command)
{
    struct pyro_command *command = calloc(1, sizeof(*command));
    int r = command ? pyro_cgroup_create(&agent->cgroups, &command->cgroup) : -ENOMEM;
    if (r < 0) {
        free(command);
        return r;
    }
    command->agent = agent;
    command->spawn = PYRO_SPAWN_NONE;
    command->input.fd = command->outputs[0].fd = command->outputs[1].fd = -1;
    int cgroup = pyro_cgroup_open(&agent->cgroups, &command->cgroup);
    r = cgroup < 0 ? cgroup : pyro_spawn_prepare(cgroup, &command->spawn);
    for (int i = 0; i < 2 && r == 0; i++)
        r = connect_output(command, i);
    if (r < 0) {
        pyro_command_free(command);
        return r;
    }
    *ret_command = command;
    return 0;
}

void pyro_spare_make(struct pyro_agent *agent)
{
    int r = agent->spare ? 0 : make(agent, &agent->spare);
    if (r < 0) /* the next command will make its own when it comes, or tell why not */
        pyro_console_log("cannot prepare the next command: %s", strerror(-r));
}

void pyro_spare_drop(struct pyro_agent *agent)
{
    if (agent->spare)
        pyro_command_free(steal_pointer(&agent->spare));
}

/* Says why on the command's stderr, as a shell would, and ends the stream. */
PYRO_PRINTF(4, 5)
static void say(struct pyro_agent *agent, uint32_t stream, int error, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    size_t size = MIN((size_t)MAX(length, 0), sizeof(line) - 1);
    struct pyro_exited exited = {.kind = PYRO_EXIT_UNSTARTED, .value = (uint32_t)error};
    pyro_agent_sent(pyro_frame_append(&agent->port.out, PYRO_FRAME_DATA, PYRO_CHANNEL_STDERR,
                                      stream, line, size));
    pyro_agent_sent(pyro_exited_pack(&agent->port.out, stream, &exited));
}

/* Why this command was not started. */
static void refuse(struct pyro_agent *agent, uint32_t stream, const struct pyro_exec *exec,
                   const struct pyro_launch_failure *failure)
{
    const char *name = exec->arguments[0], *reason = strerror(failure->error);
    if (!agent->has_identity)
        say(agent, stream, failure->error, PYRO_SAID "the guest was not set up yet\n");
    else if (agent->command_count >= PYRO_COMMANDS_MAX)
        say(agent, stream, failure->error, PYRO_SAID "%d commands are running already\n",
            PYRO_COMMANDS_MAX);
    else if (failure->step == PYRO_LAUNCH_DIRECTORY)
        say(agent, stream, failure->error, PYRO_SAID_DIRECTORY "%.900s: %s\n", exec->directory,
            reason);
    else if (failure->error == ENOENT && !strchr(name, '/'))
        say(agent, stream, ENOENT, PYRO_SAID "%.900s: command not found\n", name);
    else
        say(agent, stream, failure->error, PYRO_SAID "%.900s: %s\n", name, reason);
}

static int connect_terminal(struct pyro_command *command, const struct pyro_terminal_size *size)
{
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_close(&command->outputs[i]);
    int r = pyro_spawn_open_terminal(&command->spawn, size);
    if (r == 0)
        r = connect_output(command, 0);
    command->outputs[0].is_terminal = true;
    return r;
}

static int launch_in(struct pyro_command *command, const struct pyro_exec *exec,
                     struct pyro_launch_failure *ret_failure)
{
    int r = 0;
    command->ends_whole = exec->flags & PYRO_EXEC_WHOLE;
    if (exec->flags & PYRO_EXEC_TERMINAL)
        r = connect_terminal(command, &exec->terminal);
    else if (exec->flags & PYRO_EXEC_STDIN)
        r = pyro_spawn_open_input(&command->spawn);
    if (r == 0)
        r = pyro_input_init(&command->input, command, steal_fd(&command->spawn.streams[0]));
    return r < 0 ? r : pyro_spawn_run(&command->spawn, exec, ret_failure);
}

/* Takes the command that was made ahead. Somebody in the guest may have spoiled its cgroup: then,
 * as for the second of two commands at once, another one is made. */
static int launch(struct pyro_agent *agent, const struct pyro_exec *exec,
                  struct pyro_command **ret_command, struct pyro_launch_failure *ret_failure)
{
    struct pyro_command *command = steal_pointer(&agent->spare);
    int r = command ? launch_in(command, exec, ret_failure) : -ENOENT;
    if (r < 0 && r != -ECANCELED) {
        if (command) {
            command->cgroup.is_spoiled = true;
            pyro_command_free(steal_pointer(&command));
        }
        r = make(agent, &command);
        if (r == 0)
            r = launch_in(command, exec, ret_failure);
    }
    *ret_command = command;
    return r;
}

static int admit(const struct pyro_agent *agent)
{
    if (!agent->has_identity)
        return -EPERM;
    return agent->command_count >= PYRO_COMMANDS_MAX ? -EAGAIN : 0;
}

static void start(struct pyro_agent *agent, uint32_t stream, const struct pyro_exec *exec)
{
    struct pyro_command *command = NULL;
    struct pyro_launch_failure failure = {.step = PYRO_LAUNCH_PROGRAM};
    uint64_t now_us = pyro_now_us();
    int r = admit(agent);
    if (r == 0)
        r = launch(agent, exec, &command, &failure);
    if (r < 0) {
        if (command)
            pyro_command_finish(command);
        if (r != -ECANCELED)
            failure.error = -r;
        refuse(agent, stream, exec, &failure);
        if (failure.error == ETIMEDOUT) /* the host has waited long enough for a word */
            pyro_port_write(&agent->port);
        return;
    }
    bool was_quiet = agent->port.out.size == 0;
    command->started_us = now_us;
    pyro_command_add(command, stream);
    pyro_agent_sent(pyro_started_pack(&agent->port.out, stream, (uint32_t)command->spawn.pid));
    pyro_commands_reap(agent); /* a short one may be over by now */
    pyro_spawn_detach(&command->spawn);
    agent->may_hold = was_quiet && !command->finished;
}

int pyro_command_start(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    struct pyro_exec exec;
    int r = pyro_exec_unpack(frame->payload, frame->length, &exec);
    if (r < 0)
        return r;
    start(agent, frame->stream, &exec);
    pyro_exec_finish(&exec);
    return 0;
}
