/* Booting: QEMU is started, the guest must answer before its deadline, then it gets its identity. A
 * try that fails is cleared away completely before the next one starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "environment/environment.h"
#include "supervisor/supervisor.h"

static void qemu_ended(struct pyro_source *source, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = source->userdata;
    pyro_source_remove(source);
    life_event(supervisor, EVENT_QEMU_ENDED,
               supervisor->state < STATE_RUNNING ? "QEMU ended while the guest was booting"
                                                 : "QEMU ended");
}

static void qmp_ready(void *userdata)
{
    struct supervisor *supervisor = userdata;
    supervisor->qemu_up_us = pyro_now_us();
    if (supervisor->restoring)
        restore_load(supervisor);
}

/* QEMU stops a guest whose disk cannot be written any more, and would wait for ever. */
static void qmp_event(void *userdata, const char *name, const json_t *data)
{
    struct supervisor *supervisor = userdata;
    const char *status = pyro_json_text(data, "status", "");
    if (strcmp(name, "MIGRATION") == 0 && supervisor->state == STATE_FREEZING)
        freeze_migration_event(supervisor, status);
    else if (strcmp(name, "MIGRATION") == 0)
        restore_migration_event(supervisor, status);
    else if (strcmp(name, "BLOCK_IO_ERROR") == 0)
        life_event(userdata, EVENT_DISK_FAILED, "the guest's disk cannot be written: %s",
                   pyro_json_boolean(data, "nospace", false) ? "the host's disk is full"
                                                             : "the host reports an I/O error");
}

static void network_ended(void *userdata, const char *reason)
{
    life_event(userdata, EVENT_NETWORK_ENDED, "the guest's network ended: %s", reason);
}

/* A guest that hangs burns CPU and says nothing; a host that is busy gives QEMU no CPU. The first
 * is recognised by QEMU's CPU time long before the wall clock's limit. */
static void check_deadline(struct pyro_timer *timer)
{
    struct supervisor *supervisor = timer->userdata;
    uint64_t wall_ms = (pyro_now_us() - supervisor->try_us) / 1000;
    uint64_t cpu_ms = pyro_machine_cpu_ms(&supervisor->machine);
    unsigned vcpus = supervisor->config.machine.vcpu_count,
             boot_ms = supervisor->config.boot_timeout_ms;
    uint64_t cpu_limit =
        (supervisor->restoring ? RESTORE_CPU_LIMIT_MS : BOOT_CPU_LIMIT_MS) * (uint64_t)vcpus;
    uint64_t wall_limit = supervisor->restoring ? MIN(RESTORE_LIMIT_MS, boot_ms) : boot_ms;
    /* A kernel that panics early halts for good, without burning CPU and without ending QEMU. */
    if (supervisor->console.panicked) {
        life_event(supervisor, EVENT_GUEST_LOST, "the guest's kernel panicked while it booted");
        return;
    }
    if (wall_ms < wall_limit && cpu_ms < cpu_limit) {
        uint64_t left_ms = wall_limit - wall_ms;
        pyro_timer_start(&supervisor->loop, timer, MIN(left_ms + 1, (uint64_t)BOOT_CHECK_MS),
                         check_deadline, supervisor);
        return;
    }
    life_event(supervisor, EVENT_BOOT_DEADLINE,
               "the guest did not answer within %.1f s (QEMU used %.1f s of CPU)",
               (double)wall_ms / 1000, (double)cpu_ms / 1000);
}

static int open_network(struct supervisor *supervisor, struct pyro_error *error)
{
    /* While a template is made nobody is at the other end of its network. */
    if (!supervisor->config.machine.network || supervisor->config.freeze_into)
        return 0;
    return pyro_network_start(&supervisor->loop, supervisor->config.machine.passt_path,
                              pyro_network_address(supervisor->config.machine.mac),
                              steal_fd(&supervisor->machine.network_fd), network_ended, supervisor,
                              &supervisor->network, error);
}

static int open_channels(struct supervisor *supervisor, struct pyro_error *error)
{
    struct pyro_machine *machine = &supervisor->machine;
    const struct pyro_qmp_events events = {
        .ready = qmp_ready, .event = qmp_event, .userdata = supervisor};
    int r = pyro_source_add(&supervisor->loop, &supervisor->qemu_end, machine->process_fd, EPOLLIN,
                            qemu_ended, supervisor);
    if (r == 0)
        r = guest_open(supervisor, steal_fd(&machine->agent_fd));
    if (r == 0)
        r = ring_watch(supervisor, &supervisor->console, steal_fd(&machine->console_fd));
    if (r == 0)
        r = ring_watch(supervisor, &supervisor->qemu_log, steal_fd(&machine->log_fd));
    if (r == 0)
        r = pyro_qmp_create(&supervisor->loop, steal_fd(&machine->qmp_fd), &events,
                            &supervisor->qmp);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot watch QEMU");
    return open_network(supervisor, error);
}

/* A whole disk or none: whoever finds one takes it for the VM's own. */
int boot_copy_disk(struct supervisor *supervisor, int directory, const char *overlay)
{
    static const char beside[] = "overlay.qcow2.new";
    unlinkat(supervisor->directory, beside, 0);
    int r = pyro_file_copy_at(directory, overlay, supervisor->directory, beside, 0600);
    if (r == 0 &&
        renameat(supervisor->directory, beside, supervisor->directory, "overlay.qcow2") < 0)
        r = -errno;
    return r;
}

/* Memory of its own for a workspace that boots: a file, so that it can be saved one day. */
static int make_ram(const struct supervisor *supervisor)
{
    const struct pyro_machine_config *machine = &supervisor->config.machine;
    cleanup_close int fd = -1;
    if (!supervisor->config.is_workspace)
        return 0;
    unlinkat(supervisor->directory, "ram", 0);
    fd = openat(supervisor->directory, "ram", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 || ftruncate(fd, (off_t)machine->mem_mib << 20) < 0 ? -errno : 0;
}

/* The first disk of a guest that boots, and what it boots from. */
static int prepare_boot(struct supervisor *supervisor, struct pyro_error *error)
{
    const struct pyro_bundle_config *config = &supervisor->config;
    if (!supervisor->has_own_disk && !config->freeze_into) {
        int copied = boot_copy_disk(supervisor, AT_FDCWD, config->empty_overlay);
        if (copied < 0)
            return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, copied,
                                        "cannot make the VM's disk");
    }
    int r = make_ram(supervisor);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot make the VM's memory");
    return pyro_initrd_write(config->modules, config->agent, config->machine.initrd, error);
}

/* A template that is there is tried once. */
static int prepare(struct supervisor *supervisor, struct pyro_error *error)
{
    int r = supervisor->template_path ? restore_prepare(supervisor) : -ENOENT;
    if (r == 0)
        return 0;
    if (supervisor->template_path) {
        snprintf(supervisor->fallback, sizeof(supervisor->fallback),
                 "the template cannot be opened: %s", strerror(-r));
        supervisor->template_failed = r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
        restore_forget(supervisor);
    }
    supervisor->tries++;
    return prepare_boot(supervisor, error);
}

void boot_start(struct supervisor *supervisor)
{
    boot_finish(supervisor);
    supervisor->try_us = pyro_now_us();
    supervisor->qemu_up_us = 0;
    if (supervisor->starts++ == 0)
        supervisor->first_try_us = supervisor->try_us;
    struct pyro_error error;
    if (prepare(supervisor, &error) < 0 ||
        pyro_machine_start(&supervisor->config.machine, supervisor->state_fd, &supervisor->machine,
                           &error) < 0 ||
        open_channels(supervisor, &error) < 0) {
        supervisor->start_failure = error.code;
        life_event(supervisor, EVENT_START_FAILED, "%s", error.message);
        return;
    }
    pyro_timer_start(&supervisor->loop, &supervisor->boot_timer,
                     MIN(supervisor->config.boot_timeout_ms, (unsigned)BOOT_CHECK_MS),
                     check_deadline, supervisor);
}

void boot_finish(struct supervisor *supervisor)
{
    pyro_timer_stop(&supervisor->boot_timer);
    pyro_source_remove(&supervisor->qemu_end);
    guest_close(supervisor);
    pyro_network_destroy(supervisor->network);
    supervisor->network = NULL;
    pyro_qmp_destroy(supervisor->qmp);
    supervisor->qmp = NULL;
    ring_close(&supervisor->console);
    ring_close(&supervisor->qemu_log);
    pyro_machine_finish(&supervisor->machine);
}

void boot_send_setup(struct supervisor *supervisor)
{
    const struct pyro_machine_config *machine = &supervisor->config.machine;
    struct pyro_setup setup = {.realtime_ns = pyro_clock_ns(CLOCK_REALTIME),
                               .durable = machine->durable,
                               .has_network = machine->network,
                               .address = pyro_network_address(machine->mac),
                               .gateway = PYRO_NETWORK_GATEWAY,
                               .dns = PYRO_NETWORK_DNS,
                               .prefix_length = PYRO_NETWORK_PREFIX};
    supervisor->ready_us = pyro_now_us();
    clock_note(supervisor);
    memcpy(setup.mac, machine->mac, sizeof(setup.mac));
    /* The id is 128 random bits of this VM alone: name and machine-id come from it. */
    snprintf(setup.hostname, sizeof(setup.hostname), "%.15s", supervisor->config.vm_id);
    snprintf(setup.machine_id, sizeof(setup.machine_id), "%s", supervisor->config.vm_id + 3);
    if (getrandom(setup.entropy, sizeof(setup.entropy), 0) != (ssize_t)sizeof(setup.entropy)) {
        life_event(supervisor, EVENT_SETUP_FAILED, "the host gave no random bytes");
        return;
    }
    if (pyro_setup_pack(&supervisor->guest_out, &setup) == 0)
        guest_flush(supervisor);
    explicit_bzero(setup.entropy, sizeof(setup.entropy));
}

static double ms_between(uint64_t from_us, uint64_t to_us)
{
    return (double)(to_us - from_us) / 1000;
}

void boot_done(struct supervisor *supervisor)
{
    pyro_timer_stop(&supervisor->boot_timer);
    uint64_t now = pyro_now_us();
    uint64_t up = supervisor->qemu_up_us ? supervisor->qemu_up_us : supervisor->try_us;
    const struct pyro_ready *ready = &supervisor->ready;
    cleanup_json json_t *report =
        json_pack("{s:f, s:s, s:i, s:f, s:f}", "boot_ms", ms_between(supervisor->first_try_us, now),
                  "boot_kind", supervisor->restoring ? "restored" : "cold", "boot_attempts",
                  (int)supervisor->starts, "boot_qemu_ms", ms_between(supervisor->try_us, up),
                  "boot_setup_ms", ms_between(supervisor->ready_us, now));
    if (supervisor->restoring) {
        json_object_set_new(report, "boot_restore_ms",
                            json_real(ms_between(up, supervisor->ready_us)));
    } else {
        json_object_set_new(report, "boot_kernel_ms", json_real(ms_between(0, ready->init_us)));
        json_object_set_new(report, "boot_agent_ms",
                            json_real(ms_between(ready->init_us, ready->ready_us)));
    }
    if (*supervisor->fallback) {
        cleanup_free char *valid =
            pyro_text_to_utf8(supervisor->fallback, strlen(supervisor->fallback), NULL);
        json_object_set_new(report, "boot_fallback", json_string(valid ? valid : "unknown"));
        json_object_set_new(report, "template_failed", json_boolean(supervisor->template_failed));
    }
    if (supervisor->config.about)
        json_object_set_new(report, "about", json_loads(supervisor->config.about, 0, NULL));
    size_t size = json_dumpb(report, supervisor->boot_json, sizeof(supervisor->boot_json) - 1,
                             JSON_COMPACT | JSON_REAL_PRECISION(7));
    supervisor->boot_json[size < sizeof(supervisor->boot_json) ? size : 0] = '\0';
}

void boot_save_logs(struct supervisor *supervisor)
{
    ring_save(supervisor, &supervisor->console, "console.log");
    ring_save(supervisor, &supervisor->qemu_log, "qemu.log");
}

void boot_last_words(struct supervisor *supervisor, char *ret_text, size_t capacity)
{
    ring_close(&supervisor->console);
    ring_close(&supervisor->qemu_log);
    ring_tail(&supervisor->qemu_log, ret_text, capacity);
    if (*ret_text == '\0')
        ring_tail(&supervisor->console, ret_text, capacity);
}
