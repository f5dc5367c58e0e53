/* Starts one QEMU with its channels, and ends it with everything it brought. */
#include "vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/process.h"
#include "vm/command_line.h"
#include "vm/jail.h"

void pyro_machine_config_finish(struct pyro_machine_config *config)
{
    char *texts[] = {config->qemu_path, config->bwrap_path, config->passt_path,
                     config->kernel,    config->initrd,     config->rootfs,
                     config->overlay,   config->ram,        config->read_only_preload};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    *config = (struct pyro_machine_config){0};
}

static const struct pyro_machine nothing = PYRO_MACHINE_INIT;

/* The child's ends; closed here once it runs. */
struct far_ends {
    struct pyro_machine_ends channels;
    int log;
};

static void close_far_ends(struct far_ends *far)
{
    int fds[] = {far->channels.agent, far->channels.qmp, far->channels.console,
                 far->channels.network, far->log};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        pyro_cleanup_close(&fds[i]);
}

static int open_pair(int *ret_near, int *ret_far)
{
    int fds[2];
    int r = pyro_fd_pair(fds);
    if (r < 0)
        return r;
    *ret_near = fds[0];
    *ret_far = fds[1];
    return pyro_fd_set_nonblocking(fds[0]);
}

static int open_pipe(int *ret_near, int *ret_far)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_near = fds[0];
    *ret_far = fds[1];
    return pyro_fd_set_nonblocking(fds[0]);
}

static int open_channels(const struct pyro_machine_config *config, struct pyro_machine *machine,
                         struct far_ends *far)
{
    int r = open_pair(&machine->agent_fd, &far->channels.agent);
    if (r == 0)
        r = open_pair(&machine->qmp_fd, &far->channels.qmp);
    if (r == 0)
        r = open_pair(&machine->console_fd, &far->channels.console);
    if (r == 0 && config->network)
        r = open_pair(&machine->network_fd, &far->channels.network);
    if (r == 0)
        r = open_pipe(&machine->log_fd, &far->log);
    return r;
}

static void add_words(const struct pyro_machine_config *config, const struct far_ends *far,
                      bool restore, struct pyro_argv *argv)
{
    if (config->bwrap_path) {
        struct pyro_jail jail = {.bwrap_path = config->bwrap_path,
                                 .qemu_path = config->qemu_path,
                                 .kernel = config->kernel,
                                 .initrd = config->initrd,
                                 .rootfs = config->rootfs,
                                 .overlay = config->overlay,
                                 .ram = config->ram,
                                 .ram_read_only = config->ram_private,
                                 .read_only_preload = config->read_only_preload,
                                 .kvm = config->kvm};
        pyro_jail_add(argv, &jail);
    }
    pyro_command_line_add(argv, config, &far->channels);
    if (restore) {
        pyro_argv_add(argv, "-incoming");
        pyro_argv_add(argv, "defer");
    }
}

/* In a jail there is no environment but what bwrap sets. */
static void add_environment(const struct pyro_machine_config *config, struct pyro_argv *environment)
{
    if (config->bwrap_path || !config->ram_private || !config->read_only_preload)
        return;
    pyro_argv_addf(environment, "LD_PRELOAD=%s", config->read_only_preload);
    pyro_argv_addf(environment, PYRO_READ_ONLY_VARIABLE "=%s", config->ram);
}

/* bwrap becomes the first process of a PID namespace: when it dies, so does all in there, in one
 * stroke. Its own ties (--die-with-parent) come too late for that: for some milliseconds after it
 * has forked QEMU's process, that one would outlive both it and us. */
static int spawn(const struct pyro_argv *argv, char *const *environment, const struct far_ends *far,
                 int state_fd, bool jailed, pid_t *ret_pid)
{
    int keep[5];
    size_t count = 0;
    int wanted[] = {far->channels.agent, far->channels.qmp, far->channels.console,
                    far->channels.network, state_fd};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (wanted[i] >= 0)
            keep[count++] = wanted[i];
    }
    static char *const no_environment[] = {NULL};
    struct pyro_spawn spawn = {.argv = argv->words,
                               .environ = environment ? environment : no_environment,
                               .directory = "/",
                               .stdin_fd = -1,
                               .stdout_fd = far->log,
                               .stderr_fd = far->log,
                               .keep = keep,
                               .keep_count = count,
                               .death_signal = SIGKILL,
                               .first_process = jailed,
                               .new_session = true};
    int r = pyro_spawn(&spawn, ret_pid);
    if (jailed && (r == -EPERM || r == -ENOSPC || r == -EINVAL)) {
        spawn.first_process = false; /* where only bwrap itself may make namespaces */
        r = pyro_spawn(&spawn, ret_pid);
    }
    if (r == 0) /* a guest's memory does not belong into a core file */
        prlimit(*ret_pid, RLIMIT_CORE, &(struct rlimit){0, 0}, NULL);
    return r;
}

static int start_failed(const struct pyro_machine_config *config, int errnum,
                        struct pyro_error *error)
{
    if (errnum == -ENOMEM)
        return pyro_error_no_memory(error);
    if (errnum != -ENOENT && errnum != -EACCES)
        return pyro_error_set_errno(error, PYRO_ERROR_BOOT_FAILED, errnum, "cannot start QEMU");
    pyro_error_set_errno(error, PYRO_ERROR_MISSING_PROGRAM, errnum, "cannot start QEMU: %s",
                         config->bwrap_path ? config->bwrap_path : config->qemu_path);
    return pyro_error_hint(error, "install the packages qemu-system-x86 and bubblewrap; `pyro "
                                  "doctor` tells what else is missing");
}

int pyro_machine_start(const struct pyro_machine_config *config, int state_fd,
                       struct pyro_machine *ret_machine, struct pyro_error *error)
{
    struct pyro_machine machine = nothing;
    struct far_ends far = {{-1, -1, -1, -1}, -1};
    struct pyro_argv argv = {0}, environment = {0};

    int r = open_channels(config, &machine, &far);
    if (r == 0) {
        add_words(config, &far, state_fd >= 0, &argv);
        add_environment(config, &environment);
        r = argv.failed || environment.failed ? -ENOMEM
                                              : spawn(&argv, environment.words, &far, state_fd,
                                                      config->bwrap_path != NULL, &machine.pid);
    }
    pyro_argv_finish(&argv);
    pyro_argv_finish(&environment);
    close_far_ends(&far);
    if (r == 0) {
        machine.process_fd = pyro_process_open(machine.pid);
        r = MIN(machine.process_fd, 0);
        if (!config->bwrap_path)
            machine.qemu_pid = machine.pid;
    }
    if (r < 0) {
        pyro_machine_finish(&machine);
        return start_failed(config, r, error);
    }
    *ret_machine = machine;
    return 0;
}

/* In a jail QEMU is bwrap's only child. */
static void learn_qemu_pid(struct pyro_machine *machine)
{
    char path[64], text[64];
    if (machine->qemu_pid != 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)machine->pid, (int)machine->pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (got <= 0)
        return;
    text[got] = '\0';
    machine->qemu_pid = (pid_t)strtol(text, NULL, 10);
}

/* User and system time in ticks, if the process is still the one we mean: our child's child, or our
 * child itself. */
static bool read_ticks(const struct pyro_machine *machine, unsigned long long *ret_ticks)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)machine->qemu_pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *after_name = strrchr(text, ')'); /* the name itself may hold anything */
    int parent;
    unsigned long long user, system;
    if (!after_name ||
        sscanf(after_name + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &parent,
               &user, &system) != 3)
        return false;
    *ret_ticks = user + system;
    return parent == (machine->qemu_pid == machine->pid ? getpid() : machine->pid);
}

uint64_t pyro_machine_cpu_ms(struct pyro_machine *machine)
{
    unsigned long long ticks;
    learn_qemu_pid(machine);
    if (machine->qemu_pid <= 0 || !read_ticks(machine, &ticks))
        return 0;
    return ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

static void release(struct pyro_machine *machine)
{
    int fds[] = {machine->process_fd, machine->agent_fd, machine->qmp_fd,
                 machine->console_fd, machine->log_fd,   machine->network_fd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        pyro_cleanup_close(&fds[i]);
    *machine = nothing;
}

void pyro_machine_kill(struct pyro_machine *machine)
{
    if (machine->pid <= 0)
        return;
    unsigned long long ignored;
    learn_qemu_pid(machine);
    if (machine->qemu_pid > 0 && read_ticks(machine, &ignored))
        kill(machine->qemu_pid, SIGKILL); /* for when there is no PID namespace that would do it */
    kill(machine->pid, SIGKILL);
}

void pyro_machine_finish(struct pyro_machine *machine)
{
    if (!machine || machine->pid <= 0)
        return;
    pyro_machine_kill(machine);
    pyro_process_wait(machine->pid);
    release(machine);
}
