#include "guest/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/console.h"

void pyro_command_add(struct pyro_command *command, uint32_t stream)
{
    struct pyro_agent *agent = command->agent;
    command->stream = stream;
    command->next = agent->commands;
    agent->commands = command;
    agent->command_count++;
}

static void remove_command(struct pyro_command *command)
{
    struct pyro_agent *agent = command->agent;
    struct pyro_command **at = &agent->commands;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    agent->command_count--;
}

void pyro_command_free(struct pyro_command *command)
{
    pyro_input_finish(&command->input);
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_close(&command->outputs[i]);
    pyro_spawn_close(&command->spawn);
    pyro_cgroup_release(&command->agent->cgroups, &command->cgroup);
    free(command);
}

void pyro_command_finish(struct pyro_command *command)
{
    struct pyro_agent *agent = command->agent;
    command->finished = true;
    command->next = agent->finished;
    agent->finished = command;
    agent->must_rest = true;
}

void pyro_commands_clean(struct pyro_agent *agent)
{
    while (agent->finished) {
        struct pyro_command *command = agent->finished;
        agent->finished = command->next;
        pyro_command_free(command);
    }
}

struct pyro_command *pyro_command_find(struct pyro_agent *agent, uint32_t stream)
{
    struct pyro_command *command = agent->commands;
    while (command && command->stream != stream)
        command = command->next;
    return command;
}

/* Nothing of it runs that anybody waits for: what it wrote is sent, then EXITED. */
static void conclude(struct pyro_command *command)
{
    command->lingers = false;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        pyro_output_bound(&command->outputs[i]);
    pyro_command_settle(command);
}

static void look_for_ends(struct pyro_timer *timer)
{
    pyro_commands_reap(timer->userdata);
}

static void look_soon(struct pyro_agent *agent, uint64_t interval_ms)
{
    agent->ending_ms = interval_ms;
    pyro_timer_start(&agent->loop, &agent->ending, interval_ms, look_for_ends, agent);
}

/* Not every end is told us by a signal: a zombie is its tracer's before it is ours, and what left
 * its cgroup may have a parent there. */
static void expect_end(struct pyro_agent *agent)
{
    enum { LOOK_FIRST_MS = 50 };
    look_soon(agent, LOOK_FIRST_MS);
}

void pyro_command_kill(struct pyro_command *command)
{
    int r = pyro_cgroup_kill(&command->agent->cgroups, &command->cgroup);
    if (r < 0)
        pyro_console_log("cannot kill a command: %s", strerror(-r));
    if (!command->over && command->spawn.pid > 0)
        kill(command->spawn.pid, SIGKILL); /* it may have left its cgroup */
    command->killed = true;
    expect_end(command->agent);
    if (command->lingers)
        conclude(command);
    else
        pyro_command_settle(command);
}

/* Before a shell has put anything there, the session's leader is the foreground. */
static void signal_foreground(const struct pyro_command *command, int signal)
{
    pid_t group = 0;
    if (ioctl(command->outputs[0].fd, TIOCGPGRP, &group) < 0 || group <= 0)
        group = command->spawn.pid;
    if (!command->over || group != command->spawn.pid)
        kill(-group, signal);
}

void pyro_command_signal(struct pyro_command *command, uint32_t signal)
{
    struct pyro_agent *agent = command->agent;
    if (signal == 0 || signal >= NSIG)
        return;
    if (command->outputs[0].is_terminal) {
        signal_foreground(command, (int)signal);
        return;
    }
    int r = pyro_cgroup_signal(&agent->cgroups, &command->cgroup, (int)signal);
    if (r < 0)
        pyro_console_log("cannot send signal %u to a command: %s", signal, strerror(-r));
    if (signal != SIGTERM)
        return;
    command->is_ending = true;
    pyro_cgroup_signal(&agent->cgroups, &command->cgroup, SIGCONT); /* or it cannot hear it */
    expect_end(agent);
}

void pyro_command_hang_up(struct pyro_command *command)
{
    struct pyro_cgroups *cgroups = &command->agent->cgroups;
    command->is_ending = true;
    pyro_cgroup_signal(cgroups, &command->cgroup, SIGHUP);
    pyro_cgroup_signal(cgroups, &command->cgroup, SIGCONT); /* what is stopped cannot hear it */
    expect_end(command->agent);
}

void pyro_command_settle(struct pyro_command *command)
{
    if (!command->over || command->lingers || command->finished)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++) {
        struct pyro_output *output = &command->outputs[i];
        if (command->killed && output->credit == 0)
            pyro_output_close(output);
        if (!pyro_output_is_done(output))
            return;
    }
    pyro_agent_sent(pyro_exited_pack(&command->agent->port.out, command->stream, &command->exited));
    remove_command(command);
    pyro_command_finish(command);
}

static void end_command(struct pyro_command *command, int status)
{
    struct pyro_cgroups *cgroups = &command->agent->cgroups;
    bool by_signal = WIFSIGNALED(status);
    command->exited = (struct pyro_exited){
        .kind = by_signal ? PYRO_EXIT_SIGNAL : PYRO_EXIT_CODE,
        .value = (uint32_t)(by_signal ? WTERMSIG(status) : WEXITSTATUS(status)),
        .duration_us = pyro_now_us() - command->started_us,
    };
    command->over = true;
    command->lingers = command->is_ending && !command->killed &&
                       pyro_cgroup_is_populated(cgroups, &command->cgroup);
    if (command->ends_whole && !command->lingers)
        pyro_cgroup_kill(cgroups, &command->cgroup);
    if (!command->lingers)
        conclude(command);
}

/* One that was to end, and of which nothing is left in its cgroup. */
static void end_empty(struct pyro_command *command)
{
    int status;
    if (pyro_cgroup_is_populated(&command->agent->cgroups, &command->cgroup))
        return;
    if (command->lingers)
        conclude(command);
    else if (!command->over && pyro_process_state(command->spawn.pid, &status) == 'Z')
        end_command(command, status); /* its tracer does not let us have it */
}

/* Each end of a process may have been the last of its command's. */
static void end_ending(struct pyro_agent *agent)
{
    enum { LOOK_LAST_MS = 1000 };
    bool some = false;
    for (struct pyro_command *command = agent->commands, *next; command; command = next) {
        next = command->next;
        if (!command->is_ending && !command->killed)
            continue;
        some = true;
        end_empty(command);
    }
    if (!some)
        pyro_timer_stop(&agent->ending);
    else if (!agent->ending.loop)
        look_soon(agent, MIN(2 * agent->ending_ms, (uint64_t)LOOK_LAST_MS));
}

void pyro_commands_reap(struct pyro_agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct pyro_command *command = agent->commands;
        while (command && (command->over || command->spawn.pid != pid))
            command = command->next;
        if (command)
            end_command(command, status);
    }
    end_ending(agent);
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
        struct pyro_command *command = agent->commands;
        pyro_cgroup_kill(&agent->cgroups, &command->cgroup);
        remove_command(command);
        pyro_command_finish(command);
    }
    pyro_timer_stop(&agent->ending);
    pyro_commands_clean(agent);
    pyro_spare_drop(agent);
    agent->must_rest = false;
}
