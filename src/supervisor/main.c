/* pyro-supervisor: one process per VM. It owns QEMU and the guest's channel, serves local clients,
 * keeps the time limits, and leaves nothing behind. Started by the library only. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "supervisor/session.h"
#include "vm/host_cache.h"

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};

static void signalled(struct pyro_source *source, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    if (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        life_event(source->userdata, EVENT_TERMINATED, "its supervisor got signal %u",
                   info.ssi_signo);
}

/* The end is a moment of the wall clock, which goes on while the host is suspended and can be set:
 * the timer's own clock is asked for a minute at most. */
static void check_expiry(struct pyro_timer *timer)
{
    struct supervisor *supervisor = timer->userdata;
    /* What is worked on is in use, and so is what somebody waits for to come up. */
    if (supervisor->exec_count > 0 || supervisor->waiter_count > 0 ||
        supervisor->state < STATE_RUNNING)
        history_use(supervisor);
    double left_ms = (supervisor->config.expires_at - pyro_wall_seconds()) * 1000;
    clock_adjust(supervisor);
    if (left_ms <= 0)
        life_event(supervisor, EVENT_EXPIRED, "the VM reached the end of its time (ttl_seconds)");
    else
        pyro_timer_start(&supervisor->loop, timer,
                         left_ms < EXPIRY_CHECK_MS ? (uint64_t)left_ms + 1 : EXPIRY_CHECK_MS,
                         check_expiry, supervisor);
}

void expiry_restart(struct supervisor *supervisor, uint32_t ttl_seconds)
{
    supervisor->config.ttl_seconds = ttl_seconds;
    supervisor->config.expires_at = pyro_wall_seconds() + ttl_seconds;
    pyro_timer_start(&supervisor->loop, &supervisor->expiry, 0, check_expiry, supervisor);
}

static int watch(struct supervisor *supervisor)
{
    int fd = pyro_signal_open(signals);
    int r = fd < 0 ? fd
                   : pyro_source_add(&supervisor->loop, &supervisor->signals, fd, EPOLLIN,
                                     signalled, supervisor);
    pyro_timer_start(&supervisor->loop, &supervisor->expiry, 0, check_expiry, supervisor);
    return r < 0 ? r : clock_watch(supervisor);
}

static int write_end(struct supervisor *supervisor, struct pyro_store *store,
                     struct pyro_error *error)
{
    const struct pyro_bundle_config *config = &supervisor->config;
    const struct pyro_failure *failure = &supervisor->failure;
    const char *reason = failure->code              ? failure->message
                         : *supervisor->stop_reason ? supervisor->stop_reason
                                                    : NULL;
    const struct pyro_vm_change change = {
        .state = config->is_workspace && failure->code ? "failed" : "stopped", .failure = reason};
    if (config->one_shot)
        return pyro_store_vm_delete(store, config->vm_id, NULL, error);
    if (config->is_workspace) /* those whose end found no room before */
        pyro_store_commands_lose(store, config->vm_id, NULL);
    return pyro_store_vm_update(store, config->vm_id, &change, error);
}

static int write_start(struct supervisor *supervisor, struct pyro_store *store,
                       struct pyro_error *error)
{
    cleanup_free char *boot_id = pyro_host_boot_id();
    const struct pyro_vm_change started = {
        .state = "started",
        .boot_json = supervisor->boot_json,
        .host_boot_id = boot_id,
        .expires_at = supervisor->config.is_workspace ? supervisor->config.expires_at : 0};
    return pyro_store_vm_update(store, supervisor->config.vm_id, &started, error);
}

/* The store is opened for the moment it is needed: it costs memory that a VM would hold for hours.
 * Only a workspace, which uses it for each command, keeps it open. */
static void record_change(struct supervisor *supervisor)
{
    struct pyro_error error;
    struct pyro_store *store = history_store(supervisor);
    if (!store)
        return;
    int r = supervisor->state == STATE_ENDED ? write_end(supervisor, store, &error)
                                             : write_start(supervisor, store, &error);
    if (r < 0 && error.code != PYRO_ERROR_UNKNOWN_VM)
        fprintf(stderr, "pyro-supervisor: %s\n", error.message);
    if (!supervisor->config.is_workspace || supervisor->state == STATE_ENDED)
        pyro_store_close(steal_pointer(&supervisor->store));
}

static void run(struct supervisor *supervisor)
{
    boot_start(supervisor);
    bool recorded = supervisor->config.one_shot; /* nobody asks for the state of a one-shot VM */
    while (supervisor->state != STATE_ENDED) {
        if (pyro_loop_turn(&supervisor->loop, -1) < 0)
            break;
        if (!recorded && supervisor->state == STATE_RUNNING) {
            record_change(supervisor);
            recorded = true;
        }
    }
    supervisor->state = STATE_ENDED;
}

/* QEMU first, then what it used, then the row, then the clients: whoever sees its connection end
 * can rely on nothing being left. Of a one-shot VM, whose disk nobody will use again, QEMU need
 * only be killed: the kernel takes its memory apart while the caller goes on. */
static void finish(struct supervisor *supervisor, const int *locks, size_t lock_count)
{
    if (getenv("PYRO_LOG_DIR"))
        boot_save_logs(supervisor);
    if (supervisor->config.one_shot)
        pyro_machine_kill(&supervisor->machine);
    else
        boot_finish(supervisor);
    if (supervisor->config
            .is_workspace) /* its next start is a boot; what is written now needs room */
        unlinkat(supervisor->directory, "ram", 0);
    command_finish_all(supervisor);
    unlinkat(supervisor->directory, "socket", 0);
    if (!supervisor->has_own_disk && !supervisor->was_running) /* nothing of the VM's is on it */
        unlinkat(supervisor->directory, "overlay.qcow2", 0);
    if (supervisor->config.one_shot)
        pyro_bundle_remove(&supervisor->home, supervisor->config.vm_id);
    if (!supervisor->config.one_shot || supervisor->owner_fd >= 0)
        record_change(supervisor); /* else the owner is there, has the store open and does it */
    serve_state(supervisor);
    /* Whoever hears that it ended may start it, or prune what it used. */
    for (size_t i = 0; i < lock_count; i++)
        close(locks[i]);
    serve_close(supervisor);
    if (supervisor->owner_fd >= 0)
        close(supervisor->owner_fd);
    boot_finish(supervisor);
}

static int set_up(struct supervisor *supervisor, const char *vm_id, struct pyro_error *error)
{
    if (pyro_home_create(&supervisor->home, error) < 0 ||
        pyro_bundle_open(&supervisor->home, vm_id, &supervisor->directory, error) < 0 ||
        pyro_bundle_config_read(supervisor->directory, &supervisor->config, error) < 0)
        return -1;
    history_use(supervisor); /* a workspace may be started long after it was made */
    supervisor->has_own_disk = faccessat(supervisor->directory, "overlay.qcow2", F_OK, 0) == 0;
    if (supervisor->has_own_disk) /* somebody else was the first to start it */
        free(steal_pointer(&supervisor->template_path));
    if (supervisor->has_own_disk && supervisor->config.is_workspace)
        sessions_sweep(supervisor);
    supervisor->log_directory = pyro_bundle_log_directory(vm_id);
    if (supervisor->log_directory < 0)
        supervisor->log_directory = supervisor->directory;
    int r = pyro_loop_init(&supervisor->loop);
    if (r == 0)
        r = watch(supervisor);
    if (r == 0)
        r = serve_open(supervisor);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot set up the supervisor");
    return 0;
}

/* The caller waits for the first process only, so a supervisor is never anybody's zombie. */
static void become_daemon(void)
{
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0);
    setsid();
    prctl(PR_SET_NAME, "pyro-supervisor");
    if (chdir("/") < 0)
        _exit(1);
}

/* The client that waits for us hears why there is no VM. */
static void report(int client, const struct pyro_error *error)
{
    struct pyro_failure failure = {.code = error->code};
    struct pyro_buffer out;
    fprintf(stderr, "pyro-supervisor: %s\n", error->message);
    snprintf(failure.message, sizeof(failure.message), "%s", error->message);
    snprintf(failure.hint, sizeof(failure.hint), "%s", error->hint);
    pyro_buffer_init(&out, PYRO_FRAME_SIZE_MAX);
    if (pyro_failure_pack(&out, &failure) == 0)
        pyro_buffer_write(&out, client);
    pyro_buffer_finish(&out);
}

/* A service has three, a client one: the usual 1024 are not enough for as many as are let in. */
static void raise_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = MAX(files.rlim_cur, MIN(files.rlim_max, (rlim_t)8192));
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 8) {
        fprintf(stderr, "pyro-supervisor is started by pyro, not by hand.\n");
        return 2;
    }
    const char *vm_id = argv[2];
    int client = atoi(argv[3]);
    /* Of the bundle, the environment and the template: held until the end. */
    const int locks[] = {atoi(argv[4]), atoi(argv[5]), argc == 8 ? atoi(argv[7]) : -1};
    become_daemon();
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    fcntl(client, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
        fcntl(locks[i], F_SETFD, FD_CLOEXEC);
    static struct supervisor supervisor = {
        .directory = -1, .state_fd = -1, .owner_fd = -1, .machine = PYRO_MACHINE_INIT};
    if (argc == 8)
        supervisor.template_path = strdup(argv[6]);
    struct pyro_error error;
    if (pyro_home_init(&supervisor.home, argv[1], NULL, &error) < 0 ||
        set_up(&supervisor, vm_id, &error) < 0) {
        report(client, &error);
        return 1;
    }
    serve_add(&supervisor, client, supervisor.config.one_shot);
    run(&supervisor);
    finish(&supervisor, locks, argc == 8 ? 3 : 2);
    return 0;
}
