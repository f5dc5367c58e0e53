#include "guest/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "guest/console.h"
#include "guest/spawn.h"

enum { PIPE_SIZE = 256 * 1024 }; /* fewer turns for the same output */

/* Both ends of a command's three streams, -1 where there is none. */
struct pipes {
    int ours[3], theirs[3];
};

static int open_pipe(int *reader, int *writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

static int open_output(int *reader, int *writer)
{
    int r = open_pipe(reader, writer);
    if (r == 0)
        fcntl(*reader, F_SETPIPE_SZ, PIPE_SIZE); /* without it, the usual 64 KiB do */
    return r;
}

static int open_pipes(struct pipes *pipes, bool with_stdin)
{
    int r = 0;
    if (with_stdin)
        r = open_pipe(&pipes->theirs[0], &pipes->ours[0]);
    else if ((pipes->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        r = -errno;
    for (int i = 1; i < 3 && r == 0; i++)
        r = open_output(&pipes->ours[i], &pipes->theirs[i]);
    for (int i = 0; i < 3 && r == 0; i++)
        r = pipes->ours[i] >= 0 ? pyro_fd_set_nonblocking(pipes->ours[i]) : 0;
    return r;
}

static void close_all(int fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(steal_fd(&fds[i]));
    }
}

static struct pyro_command *add_command(struct pyro_agent *agent, uint32_t stream)
{
    cleanup_free struct pyro_command *command = calloc(1, sizeof(*command));
    if (!command || pyro_cgroup_create(&agent->cgroups, &command->cgroup) < 0)
        return NULL;
    command->agent = agent;
    command->stream = stream;
    command->started_us = pyro_now_us();
    command->next = agent->commands;
    agent->commands = command;
    agent->command_count++;
    return steal_pointer(&command);
}

/* Frees all but the cgroup, which outlives its command while something lives in it. */
static void remove_command(struct pyro_command *command)
{
    struct pyro_agent *agent = command->agent;
    struct pyro_command **at = &agent->commands;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    agent->command_count--;
    pyro_input_finish(&command->input);
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_close(&command->outputs[i]);
    pyro_cgroup_release(&agent->cgroups, &command->cgroup);
    free(command);
}

/* Says why on the command's stderr, as a shell would, and ends the stream. */
PYRO_PRINTF(4, 5)
static void refuse(struct pyro_agent *agent, uint32_t stream, int error, const char *format, ...)
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

static void refuse_failed(struct pyro_agent *agent, uint32_t stream,
                          const struct pyro_launch *launch,
                          const struct pyro_launch_failure *failure)
{
    const char *name = launch->exec->arguments[0];
    const char *reason = strerror(failure->error);
    if (failure->error == ENOENT && !strchr(name, '/'))
        reason = "command not found";
    if (failure->in_directory)
        refuse(agent, stream, failure->error, "pyro: working directory %.900s: %s\n",
               launch->directory, strerror(failure->error));
    else
        refuse(agent, stream, failure->error, "pyro: %.900s: %s\n", name, reason);
}

static const char *directory_of(const struct pyro_exec *exec)
{
    if (*exec->directory)
        return exec->directory;
    return access("/root", X_OK) == 0 ? "/root" : "/";
}

/* Connects the streams and starts the process. What is `ours` belongs to the command afterwards. */
static int launch_in(struct pyro_command *command, struct pipes *pipes, struct pyro_launch *launch,
                     struct pyro_launch_failure *ret_failure)
{
    cleanup_close int cgroup = pyro_cgroup_open(&command->agent->cgroups, &command->cgroup);
    int r = pyro_input_init(&command->input, command, steal_fd(&pipes->ours[0]));
    for (int i = 1; i < 3; i++)
        pyro_output_init(&command->outputs[i - 1], command, (enum pyro_channel)(i + 1),
                         steal_fd(&pipes->ours[i]));
    if (r < 0 || cgroup < 0) {
        *ret_failure = (struct pyro_launch_failure){.error = r < 0 ? -r : -cgroup};
        return -1;
    }
    memcpy(launch->descriptors, pipes->theirs, sizeof(pipes->theirs));
    launch->cgroup = cgroup;
    command->pid = pyro_launch(launch, ret_failure);
    return command->pid < 0 ? -1 : 0;
}

static int run(struct pyro_command *command, const struct pyro_exec *exec)
{
    struct pyro_agent *agent = command->agent;
    struct pyro_launch launch = {.exec = exec, .directory = directory_of(exec)};
    struct pyro_launch_failure failure = {.error = ENOMEM};
    struct pipes pipes = {{-1, -1, -1}, {-1, -1, -1}};
    cleanup_free char *pwd = pyro_text_format("PWD=%s", launch.directory);
    cleanup_free char **environment = pwd ? pyro_environment_make(exec, pwd) : NULL;
    launch.environment = environment;
    int r = open_pipes(&pipes, exec->flags & PYRO_EXEC_STDIN);
    if (r < 0)
        failure.error = -r;
    int started = launch_in(command, &pipes, &launch, &failure);
    close_all(pipes.ours);
    close_all(pipes.theirs);
    if (started < 0)
        refuse_failed(agent, command->stream, &launch, &failure);
    return started;
}

void pyro_command_start(struct pyro_agent *agent, uint32_t stream, const struct pyro_exec *exec)
{
    if (!agent->has_identity) {
        refuse(agent, stream, EPERM, "pyro: the guest was not set up yet\n");
        return;
    }
    if (agent->command_count >= PYRO_COMMANDS_MAX) {
        refuse(agent, stream, EAGAIN, "pyro: %d commands are running already\n", PYRO_COMMANDS_MAX);
        return;
    }
    struct pyro_command *command = add_command(agent, stream);
    if (!command) {
        refuse(agent, stream, ENOMEM, "pyro: not enough memory for a command\n");
        return;
    }
    if (run(command, exec) < 0) {
        remove_command(command);
        return;
    }
    pyro_agent_sent(pyro_started_pack(&agent->port.out, stream, (uint32_t)command->pid));
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_watch(&command->outputs[i]);
}

struct pyro_command *pyro_command_find(struct pyro_agent *agent, uint32_t stream)
{
    struct pyro_command *command = agent->commands;
    while (command && command->stream != stream)
        command = command->next;
    return command;
}

void pyro_command_kill(struct pyro_command *command)
{
    int r = pyro_cgroup_kill(&command->agent->cgroups, &command->cgroup);
    if (r < 0)
        pyro_console_log("cannot kill a command: %s", strerror(-r));
    command->killed = true;
    pyro_command_settle(command);
}

void pyro_command_settle(struct pyro_command *command)
{
    if (!command->over)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++) {
        struct pyro_output *output = &command->outputs[i];
        if (command->killed && output->credit == 0)
            pyro_output_close(output);
        if (output->fd >= 0)
            return;
    }
    pyro_agent_sent(pyro_exited_pack(&command->agent->port.out, command->stream, &command->exited));
    remove_command(command);
}

static void end_command(struct pyro_command *command, int status)
{
    bool by_signal = WIFSIGNALED(status);
    command->exited = (struct pyro_exited){
        .kind = by_signal ? PYRO_EXIT_SIGNAL : PYRO_EXIT_CODE,
        .value = (uint32_t)(by_signal ? WTERMSIG(status) : WEXITSTATUS(status)),
        .duration_us = pyro_now_us() - command->started_us,
    };
    command->over = true;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_bound(&command->outputs[i]);
    pyro_command_settle(command);
}

void pyro_commands_reap(struct pyro_agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct pyro_command *command = agent->commands;
        while (command && (command->over || command->pid != pid))
            command = command->next;
        if (command)
            end_command(command, status);
    }
    pyro_cgroups_sweep(&agent->cgroups);
}

void pyro_commands_resume(struct pyro_agent *agent)
{
    for (struct pyro_command *command = agent->commands, *next; command; command = next) {
        next = command->next;
        for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
            pyro_output_watch(&command->outputs[i]);
        pyro_command_settle(command);
    }
}

void pyro_commands_abandon(struct pyro_agent *agent)
{
    while (agent->commands) {
        pyro_cgroup_kill(&agent->cgroups, &agent->commands->cgroup);
        remove_command(agent->commands);
    }
}
