/* From EXEC to STARTED. A command's process is the spare when there is one, else it is made now; it
 * is the same process either way. */
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

static int connect_outputs(struct pyro_command *command)
{
    for (int i = 0; i < 2; i++) {
        struct pyro_output *output = &command->outputs[i];
        pyro_output_init(output, command, (enum pyro_channel)(PYRO_CHANNEL_STDOUT + i),
                         steal_fd(&command->spawn.streams[1 + i]));
        pyro_output_watch(output);
        if (output->fd < 0)
            return -ENOMEM;
    }
    return 0;
}

/* A process in a cgroup of its own, its output watched, which waits for its EXEC. */
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
    cleanup_close int cgroup = pyro_cgroup_open(&agent->cgroups, &command->cgroup);
    r = cgroup < 0 ? cgroup : pyro_spawn_make(cgroup, &command->spawn);
    if (r == 0)
        r = connect_outputs(command);
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
    if (r < 0) /* the next command's process will be made when it comes, or tell why not */
        pyro_console_log("cannot make a process ahead: %s", strerror(-r));
}

void pyro_spare_drop(struct pyro_agent *agent)
{
    struct pyro_command *spare = steal_pointer(&agent->spare);
    if (!spare)
        return;
    if (spare->spawn.pid > 0 && kill(spare->spawn.pid, SIGKILL) == 0)
        waitpid(spare->spawn.pid, NULL, 0);
    pyro_command_free(spare);
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

/* Why this command was not started. The payload is looked at here, and only here, because the
 * process reads it otherwise: a malformed one is never just refused. */
static int refuse(struct pyro_agent *agent, const struct pyro_frame *frame,
                  const struct pyro_launch_failure *failure)
{
    struct pyro_exec exec;
    int r = pyro_exec_unpack(frame->payload, frame->length, &exec);
    if (r < 0)
        return r;
    const char *name = exec.arguments[0], *reason = strerror(failure->error);
    if (!agent->has_identity)
        say(agent, frame->stream, failure->error, "pyro: the guest was not set up yet\n");
    else if (agent->command_count >= PYRO_COMMANDS_MAX)
        say(agent, frame->stream, failure->error, "pyro: %d commands are running already\n",
            PYRO_COMMANDS_MAX);
    else if (failure->step == PYRO_LAUNCH_DIRECTORY)
        say(agent, frame->stream, failure->error, "pyro: working directory %.900s: %s\n",
            exec.directory, reason);
    else if (failure->error == ENOENT && !strchr(name, '/'))
        say(agent, frame->stream, ENOENT, "pyro: %.900s: command not found\n", name);
    else
        say(agent, frame->stream, failure->error, "pyro: %.900s: %s\n", name, reason);
    pyro_exec_finish(&exec);
    return 0;
}

static int connect_input(struct pyro_command *command, const struct pyro_frame *frame)
{
    struct pyro_unpack in = pyro_unpack_init(frame->payload, frame->length);
    bool wanted = pyro_unpack_u32(&in) & PYRO_EXEC_STDIN;
    return pyro_input_init(&command->input, command,
                           wanted ? steal_fd(&command->spawn.streams[0]) : -1);
}

static int launch_in(struct pyro_command *command, const struct pyro_frame *frame, int patience_ms,
                     struct pyro_launch_failure *ret_failure)
{
    int r = connect_input(command, frame);
    return r < 0 ? r : pyro_spawn_launch(&command->spawn, frame, patience_ms, ret_failure);
}

/* The spare may have been killed, by a program in the guest or for want of memory. A process that
 * was made just now is only slow. */
static int launch(struct pyro_agent *agent, const struct pyro_frame *frame,
                  struct pyro_command **ret_command, struct pyro_launch_failure *ret_failure)
{
    enum { SPARE_PATIENCE_MS = 2000, PATIENCE_MS = 60000 };
    struct pyro_command *command = steal_pointer(&agent->spare);
    int r = command ? launch_in(command, frame, SPARE_PATIENCE_MS, ret_failure) : -EPIPE;
    if (r == -EPIPE) {
        if (command)
            pyro_command_free(steal_pointer(&command));
        r = make(agent, &command);
        if (r == 0)
            r = launch_in(command, frame, PATIENCE_MS, ret_failure);
    }
    *ret_command = command;
    return r;
}

/* The descriptors that a command needed for its start only are closed when it is over, not while it
 * is waited for, or here, when there may be many commands. */
static void close_unused(struct pyro_agent *agent)
{
    if (agent->commands)
        pyro_spawn_close(&agent->commands->spawn); /* the latest: those before had their turn */
}

static int admit(const struct pyro_agent *agent)
{
    if (!agent->has_identity)
        return -EPERM;
    return agent->command_count >= PYRO_COMMANDS_MAX ? -EAGAIN : 0;
}

int pyro_command_start(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    struct pyro_command *command = NULL;
    struct pyro_launch_failure failure = {.step = PYRO_LAUNCH_PROGRAM};
    uint64_t now_us = pyro_now_us();
    int r = admit(agent);
    if (r == 0)
        r = launch(agent, frame, &command, &failure);
    if (r == 0) {
        command->started_us = now_us;
        close_unused(agent);
        pyro_command_add(command, frame->stream);
        pyro_agent_sent(
            pyro_started_pack(&agent->port.out, frame->stream, (uint32_t)command->spawn.pid));
        return 0;
    }
    if (command)
        pyro_command_finish(command);
    if (r != -ECANCELED)
        failure.error = -r;
    return refuse(agent, frame, &failure);
}
