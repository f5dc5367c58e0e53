/* PID 1 of every guest: boots it, then waits for frames, output and the end of children. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/agent.h"
#include "guest/boot.h"
#include "guest/command.h"
#include "guest/console.h"
#include "guest/identity.h"
#include "guest/own.h"
#include "guest/seal.h"
#include "guest/setup.h"
#include "guest/wallclock.h"
#include "wire/message.h"

void pyro_agent_sent(int r)
{
    if (r < 0)
        pyro_power_off_because("cannot queue a frame: %s", strerror(-r));
}

void pyro_agent_host_came(struct pyro_agent *agent)
{
    struct pyro_ready ready = {
        .agent_version = PYRO_AGENT_VERSION,
        .init_us = agent->init_us,
        .ready_us = pyro_clock_ns(CLOCK_BOOTTIME) / 1000,
    };
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(ready.kernel_release, sizeof(ready.kernel_release), "%s", name.release);
    pyro_agent_sent(pyro_ready_pack(&agent->port.out, &ready));
}

/* Whoever comes next knows nothing of these commands, and has to set the guest up anew. */
void pyro_agent_host_left(struct pyro_agent *agent)
{
    pyro_commands_abandon(agent);
    agent->has_identity = false;
}

/* The entropy must be nowhere when the guest is frozen one day: whoever reads the frozen memory
 * could tell the random numbers of before. */
static int on_setup(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    struct pyro_setup setup;
    struct pyro_setup_done done;
    uint64_t received_ns = pyro_clock_ns(CLOCK_MONOTONIC);
    int r = pyro_setup_unpack(frame->payload, frame->length, &setup);
    if (r == 0) {
        if (!agent->is_sealed)
            pyro_identity_unmap();
        agent->is_sealed = false;
        pyro_setup_apply(&setup, received_ns, &done);
        agent->has_identity = done.error == 0;
        pyro_agent_sent(pyro_setup_done_pack(&agent->port.out, &done));
    }
    explicit_bzero(&setup, sizeof(setup));
    explicit_bzero((uint8_t *)frame->payload, frame->length);
    return r;
}

static int on_clock(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    struct pyro_clock clock;
    int r = pyro_clock_unpack(frame->payload, frame->length, &clock);
    if (r == 0 && agent->has_identity)
        pyro_wallclock_follow(&clock);
    return r;
}

static int on_exec(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    if (frame->stream == 0 || pyro_command_find(agent, frame->stream))
        return -EPROTO;
    return pyro_command_start(agent, frame);
}

/* Frames about a command that is over crossed its EXITED on the way: they mean nothing. */
static int on_command_frame(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    struct pyro_command *command = pyro_command_find(agent, frame->stream);
    struct pyro_terminal_size size;
    uint32_t bytes, signal;
    if (!command)
        return 0;
    switch (frame->type) {
    case PYRO_FRAME_SIGNAL:
        if (pyro_u32_unpack(frame->payload, frame->length, &signal) < 0)
            return -EPROTO;
        pyro_command_signal(command, signal);
        return 0;
    case PYRO_FRAME_RESIZE:
        if (pyro_resize_unpack(frame->payload, frame->length, &size) < 0)
            return -EPROTO;
        if (command->outputs[0].is_terminal)
            pyro_terminal_resize(command->outputs[0].fd, &size);
        return 0;
    case PYRO_FRAME_DATA:
        return pyro_input_receive(&command->input, frame->payload, frame->length);
    case PYRO_FRAME_CREDIT:
        if (pyro_u32_unpack(frame->payload, frame->length, &bytes) < 0)
            return -EPROTO;
        pyro_output_credit(&command->outputs[frame->channel - PYRO_CHANNEL_STDOUT], bytes);
        pyro_command_settle(command);
        return 0;
    default:
        pyro_command_kill(command);
        return 0;
    }
}

void pyro_agent_frame(struct pyro_agent *agent, const struct pyro_frame *frame)
{
    int r = 0;
    switch (frame->type) {
    case PYRO_FRAME_SETUP:
        r = on_setup(agent, frame);
        break;
    case PYRO_FRAME_EXEC:
        r = on_exec(agent, frame);
        break;
    case PYRO_FRAME_CLOCK:
        r = on_clock(agent, frame);
        break;
    case PYRO_FRAME_SEAL:
        pyro_seal(agent);
        r = pyro_frame_append(&agent->port.out, PYRO_FRAME_SEALED, PYRO_CHANNEL_NONE, 0, NULL, 0);
        break;
    case PYRO_FRAME_POWEROFF:
        pyro_identity_unmap();
        pyro_power_off();
    default:
        r = on_command_frame(agent, frame);
    }
    if (r < 0)
        pyro_power_off_because("the host sent a bad %s frame for stream %u: %s",
                               pyro_frame_name(frame->type), frame->stream, strerror(-r));
}

void pyro_agent_drain_signals(struct pyro_agent *agent)
{
    struct signalfd_siginfo info;
    while (read(agent->signals.fd, &info, sizeof(info)) > 0)
        ;
}

static void on_signal(struct pyro_source *source, uint32_t events)
{
    (void)events;
    pyro_agent_drain_signals(source->userdata); /* one SIGCHLD may stand for many children */
    pyro_commands_reap(source->userdata);
}

static void watch_children(struct pyro_agent *agent)
{
    signal(SIGPIPE, SIG_IGN);
    int fd = pyro_signal_open((const int[]){SIGCHLD, 0});
    int r =
        fd < 0 ? fd : pyro_source_add(&agent->loop, &agent->signals, fd, EPOLLIN, on_signal, agent);
    if (r < 0)
        pyro_power_off_because("cannot watch children: %s", strerror(-r));
}

/* What nobody waits for. The spare comes before the next command, whose start it shortens. */
static void rest(struct pyro_agent *agent)
{
    agent->must_rest = false;
    pyro_identity_unmap();
    pyro_spare_make(agent);
}

/* How long to wait for something to happen. A command that was started just now may well be over
 * before the host has to hear of it: then one message tells all. */
static int patience_ms(const struct pyro_agent *agent, bool can_rest)
{
    enum { HOLD_MS = 20 };
    if (can_rest)
        return 0;
    return agent->may_hold ? HOLD_MS : -1;
}

__attribute__((noreturn)) static void serve(struct pyro_agent *agent)
{
    for (;;) {
        bool can_rest = agent->must_rest && agent->command_count == 0 && agent->port.out.size == 0;
        int patience = patience_ms(agent, can_rest);
        agent->may_hold = false;
        int r = pyro_loop_turn(&agent->loop, patience);
        if (r == 0 && can_rest)
            rest(agent);
        if (r < 0)
            pyro_power_off_because("cannot wait for events: %s", strerror(-r));
        bool was_congested = agent->port.out.size >= PYRO_PORT_OUT_HIGH;
        if (!agent->may_hold)
            pyro_port_flush(&agent->port);
        if (was_congested && agent->port.out.size < PYRO_PORT_OUT_HIGH)
            pyro_commands_resume(agent);
        pyro_commands_clean(agent);
    }
}

/* Whoever wakes us has more to say than what woke us: it is let go on, until it has to wait or the
 * next tick comes, so that we are not switched to for each of the steps in which it ends. */
static void be_patient(void)
{
    static const struct sched_param parameters;
    if (syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &parameters) < 0) /* musl's does nothing */
        pyro_console_log("cannot become SCHED_BATCH: %s", strerror(errno));
}

/* As the process of a command. */
static int run_own_command(char *const *words)
{
    be_patient();
    int status = pyro_own_command(words);
    if (status == 0 && strcmp(words[0], "receive") == 0)
        sync(); /* whoever hears that it is in can rely on it, even if this machine is killed */
    return status;
}

int main(int argc, char **argv)
{
    static struct pyro_agent agent;
    agent.init_us = pyro_clock_ns(CLOCK_BOOTTIME) / 1000;
    if (argc > 1 && strcmp(argv[0], PYRO_OWN_PROGRAM) == 0)
        return run_own_command(argv + 1);
    if (getpid() != 1) {
        fputs("pyro-agent: this is the init of a pyro guest, it runs as PID 1 only\n", stderr);
        return 2;
    }
    pyro_boot();
    int r = pyro_loop_init(&agent.loop);
    if (r == 0)
        r = pyro_cgroups_init(&agent.cgroups);
    if (r < 0)
        pyro_power_off_because("cannot prepare for commands: %s", strerror(-r));
    watch_children(&agent);
    be_patient();
    pyro_port_open(&agent.port, &agent);
    serve(&agent);
}
