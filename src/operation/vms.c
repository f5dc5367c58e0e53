/* The life of a VM as its callers see it: create, start, look, stop, delete, reap. */
#include "operation/vms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wait.h"
#include "environment/environment.h"
#include "operation/vm_support.h"
#include "operation/workspace_support.h"
#include "supervisor/bundle.h"
#include "vm/emulator.h"
#include "vm/network.h"

int pyro_vm_create_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error)
{
    const struct pyro_new_vm_kind kind = {.ttl_seconds =
                                              pyro_json_integer(parameters, "ttl_seconds", 0)};
    struct pyro_new_vm vm;
    if (pyro_new_vm_make(context, parameters, &kind, observer, &vm, error) < 0)
        return -1;
    *ret_result = pyro_vm_record_to_json(&vm.record);
    pyro_new_vm_finish(&vm);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

static int wrong_state(const struct pyro_vm_record *record, const char *wish, const char *hint,
                       struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot %s %s: it is %s", wish, record->vm_id,
                   record->state);
    pyro_error_hint(error, "%s", hint);
    return pyro_error_field(error, "vm_id");
}

/* The lock of a VM that nobody runs. Somebody who only looks holds it for a moment: be patient. */
static int take_lock(struct pyro_context *context, const char *vm_id)
{
    cleanup_close int directory = -1;
    if (pyro_bundle_open(&context->home, vm_id, &directory, NULL) < 0)
        return -ENOENT;
    int lock;
    for (int tries = 0; (lock = pyro_bundle_lock(directory)) == -EWOULDBLOCK && tries < 40; tries++)
        usleep(5000);
    return lock;
}

/* An overlay holds what differs from one image; over another it would be a broken disk. */
static int check_base(struct pyro_context *context, const struct pyro_vm_record *record,
                      const struct pyro_installation *installation,
                      struct pyro_machine_config *ret_machine, bool *ret_fresh,
                      struct pyro_error *error)
{
    struct pyro_bundle_config config;
    cleanup_close int directory = -1;
    if (pyro_bundle_open(&context->home, record->vm_id, &directory, error) < 0 ||
        pyro_bundle_config_read(directory, &config, error) < 0)
        return -1;
    bool fits = strcmp(config.rootfs_digest, installation->rootfs_digest) == 0;
    *ret_machine = config.machine;
    config.machine = (struct pyro_machine_config){0};
    pyro_bundle_config_finish(&config);
    *ret_fresh = faccessat(directory, "overlay.qcow2", F_OK, 0) < 0;
    if (fits)
        return 0;
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE,
                   "cannot start %s: %s was built anew since, and its disk belongs to the old one",
                   record->vm_id, record->environment);
    return pyro_error_hint(error, "delete it and create another (vm_delete, vm_create)");
}

/* What a start needs beside the VM itself: to be held until its supervisor holds it. */
struct footing {
    int environment;
    struct pyro_template
        template_; /* only for a first start: a VM's own disk fits no other memory */
};

static void footing_finish(struct footing *footing)
{
    if (footing->environment >= 0)
        close(footing->environment);
    pyro_template_finish(&footing->template_);
}

/* The VM will be started as its config.json says: a template made by another QEMU, or for another
 * accelerator, is none for it. */
static bool is_of_today(const struct pyro_machine_config *machine, const struct pyro_host *host)
{
    bool kvm = host->accelerator == PYRO_ACCELERATOR_KVM;
    return host->qemu_path && strcmp(machine->qemu_path, host->qemu_path) == 0 &&
           machine->kvm == kvm &&
           !machine->read_only_preload == pyro_emulator_opens_read_only(host->qemu_version);
}

static int find_template(struct pyro_context *context, const struct pyro_vm_record *record,
                         const struct pyro_environment *environment,
                         const struct pyro_installation *installation,
                         const struct pyro_machine_config *machine,
                         const struct pyro_observer *observer, struct footing *footing,
                         struct pyro_error *error)
{
    struct pyro_host host;
    if (pyro_host_probe(&context->home, &host, error) < 0)
        return -1;
    const struct pyro_template_source source = {.home = &context->home,
                                                .host = &host,
                                                .environment = environment,
                                                .installation = installation,
                                                .shape = pyro_vm_shape(record)};
    if (is_of_today(machine, &host))
        pyro_template_acquire(&source, observer, &footing->template_);
    pyro_host_finish(&host);
    return 0;
}

static int find_footing(struct pyro_context *context, const struct pyro_vm_record *record,
                        const struct pyro_observer *observer, struct footing *footing,
                        struct pyro_error *error)
{
    struct pyro_installation installation;
    struct pyro_machine_config machine = {0};
    bool fresh;
    const struct pyro_environment *environment = pyro_environment_find(record->environment, error);
    *footing = (struct footing){.environment = -1, .template_ = {.lock = -1}};
    if (!environment)
        return -1;
    footing->environment = pyro_installation_lock(&context->home, environment, error);
    if (footing->environment < 0)
        return -1;
    int r = pyro_installation_open(&context->home, environment, &installation, error);
    if (r == 0)
        r = check_base(context, record, &installation, &machine, &fresh, error);
    if (r == 0 && fresh)
        r = find_template(context, record, environment, &installation, &machine, observer, footing,
                          error);
    pyro_machine_config_finish(&machine);
    pyro_installation_finish(&installation);
    return r;
}

static int start_on(struct pyro_context *context, const struct pyro_vm_record *record,
                    const struct footing *footing, const struct pyro_observer *observer,
                    struct pyro_error *error)
{
    cleanup_close int lock = take_lock(context, record->vm_id);
    if (lock < 0)
        return wrong_state(record, "start", "somebody else is starting or ending it: look again",
                           error);
    const struct pyro_holds holds = {.bundle = lock,
                                     .environment = footing->environment,
                                     .template_ = footing->template_.lock,
                                     .template_path = footing->template_.path};
    struct pyro_client *client;
    if (pyro_client_spawn(&context->home, record->vm_id, &holds, &client, error) < 0)
        return -1;
    int r = pyro_client_wait_running(client, observer, error);
    const char *boot = pyro_client_boot_json(client);
    const struct pyro_vm_change started = {
        .state = "started", .execution_mode = "guest", .boot_json = boot};
    pyro_template_report(&context->home, &footing->template_, boot);
    if (r == 0)
        r = pyro_store_vm_update(context->store, record->vm_id, &started, error);
    /* Cancelled, failed, deleted meanwhile: nothing may run on behind the caller's back. */
    if (r < 0)
        pyro_client_stop(client, PYRO_STOP_AT_ONCE, NULL);
    pyro_client_destroy(client);
    return r;
}

static int check_active(struct pyro_context *context, struct pyro_error *error)
{
    struct pyro_host host;
    if (pyro_host_probe(&context->home, &host, error) < 0)
        return -1;
    int r = pyro_active_vms_check(context->store, pyro_active_vms_most(&host), error);
    pyro_host_finish(&host);
    return r;
}

int pyro_vm_start_guest(struct pyro_context *context, const struct pyro_vm_record *record,
                        const struct pyro_observer *observer, struct pyro_error *error)
{
    struct footing footing;
    if (check_active(context, error) < 0)
        return -1;
    int r = find_footing(context, record, observer, &footing, error);
    if (r == 0)
        r = start_on(context, record, &footing, observer, error);
    footing_finish(&footing);
    return r;
}

/* Answers with the record as it is now. */
static int answer(struct pyro_context *context, const char *vm_id, json_t **ret_result,
                  struct pyro_error *error)
{
    struct pyro_vm_record record;
    if (pyro_store_vm_get(context->store, vm_id, &record, error) < 0)
        return -1;
    *ret_result = pyro_vm_record_to_json(&record);
    pyro_vm_record_finish(&record);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

int pyro_vm_start_handler(struct pyro_context *context, const json_t *parameters,
                          const struct pyro_observer *observer, json_t **ret_result,
                          struct pyro_error *error)
{
    static const struct pyro_vm_change started = {.state = "started"};
    struct pyro_vm_record record;
    if (pyro_vm_find_free(context, parameters, "start", "workspace_exec", &record, error) < 0)
        return -1;
    int r;
    if (strcmp(record.state, "started") == 0)
        r = wrong_state(&record, "start", "it runs already: use vm_exec", error);
    else if (record.expires_at <= pyro_wall_seconds())
        r = pyro_error_set(error, PYRO_ERROR_VM_EXPIRED,
                           "cannot start %s: its time (%lld s) is over", record.vm_id,
                           (long long)record.ttl_seconds);
    else if (pyro_vm_is_host_compat(&record))
        r = pyro_store_vm_update(context->store, record.vm_id, &started, error);
    else
        r = pyro_vm_start_guest(context, &record, observer, error);
    if (r == 0)
        r = answer(context, record.vm_id, ret_result, error);
    pyro_vm_record_finish(&record);
    return r;
}

static int stop_guest(struct pyro_context *context, const struct pyro_vm_record *record,
                      const struct pyro_observer *observer, struct pyro_error *error)
{
    struct pyro_client *client;
    if (pyro_client_connect(&context->home, record->vm_id, &client, error) < 0)
        return -1;
    bool is_over = pyro_client_stop(client, PYRO_STOP_POWER_OFF, observer);
    pyro_client_destroy(client);
    if (!is_over && observer && pyro_fd_is_readable(observer->cancel_fd))
        return pyro_error_set(error, PYRO_ERROR_CANCELLED,
                              "%s is being powered off: not waited for", record->vm_id);
    return pyro_bundle_reconcile(&context->home, context->store, error);
}

int pyro_vm_stop_handler(struct pyro_context *context, const json_t *parameters,
                         const struct pyro_observer *observer, json_t **ret_result,
                         struct pyro_error *error)
{
    static const struct pyro_vm_change stopped = {.state = "stopped"};
    struct pyro_vm_record record;
    if (pyro_vm_find_free(context, parameters, "stop", "workspace_delete", &record, error) < 0)
        return -1;
    int r;
    if (strcmp(record.state, "started") != 0)
        r = wrong_state(&record, "stop", "only a started VM can be stopped", error);
    else if (pyro_vm_is_host_compat(&record))
        r = pyro_store_vm_update(context->store, record.vm_id, &stopped, error);
    else
        r = stop_guest(context, &record, observer, error);
    if (r == 0)
        r = answer(context, record.vm_id, ret_result, error);
    pyro_vm_record_finish(&record);
    return r;
}

int pyro_vm_status_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_vm_find(context, parameters, &record, error) < 0)
        return -1;
    *ret_result = pyro_vm_record_to_json(&record);
    pyro_vm_record_finish(&record);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

int pyro_vm_delete_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_vm_find_free(context, parameters, "delete", "workspace_delete", &record, error) < 0)
        return -1;
    int r = pyro_vm_remove(context, record.vm_id, error);
    if (r == 0)
        *ret_result = json_pack("{s:s, s:b}", "vm_id", record.vm_id, "deleted", 1);
    pyro_vm_record_finish(&record);
    return r == 0 && !*ret_result ? pyro_error_no_memory(error) : r;
}

static json_t *ipv4_to_json(uint32_t address)
{
    return json_sprintf("%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                        address & 255);
}

static uint32_t address_of(const struct pyro_vm_record *record)
{
    uint8_t mac[6] = {0};
    sscanf(record->mac ? record->mac : "", "%*x:%*x:%*x:%*x:%*x:%hhx", &mac[5]);
    return pyro_network_address(mac);
}

int pyro_vm_network_info_handler(struct pyro_context *context, const json_t *parameters,
                                 const struct pyro_observer *observer, json_t **ret_result,
                                 struct pyro_error *error)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_vm_find(context, parameters, &record, error) < 0)
        return -1;
    bool guest = record.network_enabled && !pyro_vm_is_host_compat(&record);
    *ret_result = json_pack("{s:s, s:b, s:o?, s:o?, s:o, s:s?, s:s}", "vm_id", record.vm_id,
                            "network_enabled", record.network_enabled, "guest_ip",
                            guest ? ipv4_to_json(address_of(&record)) : json_null(), "gateway",
                            guest ? ipv4_to_json(PYRO_NETWORK_GATEWAY) : json_null(), "dns",
                            guest ? json_pack("[o]", ipv4_to_json(PYRO_NETWORK_DNS)) : json_array(),
                            "mac", guest ? record.mac : NULL, "backend",
                            guest                    ? "passt"
                            : record.network_enabled ? "host"
                                                     : "none");
    pyro_vm_record_finish(&record);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

/* A one-shot VM's supervisor ends it and leaves nothing; a workspace's powers it off in time, and
 * knows best of its last use as long as it runs. */
static bool is_expired(struct pyro_context *context, const struct pyro_vm_record *record)
{
    double expires_at = record->expires_at;
    if (record->one_shot ||
        (record->seed_json &&
         (pyro_bundle_is_live(&context->home, record->vm_id) ||
          pyro_workspace_expires_at(context->store, record, &expires_at, NULL) < 0)))
        return false;
    return expires_at <= pyro_wall_seconds();
}

int pyro_vm_reap_expired_handler(struct pyro_context *context, const json_t *parameters,
                                 const struct pyro_observer *observer, json_t **ret_result,
                                 struct pyro_error *error)
{
    (void)parameters;
    (void)observer;
    struct pyro_store *store;
    struct pyro_vm_record *records;
    size_t count;
    if (pyro_context_store(context, &store, error) < 0 ||
        pyro_bundle_reconcile(&context->home, store, error) < 0 ||
        pyro_store_vm_list(store, &records, &count, error) < 0)
        return -1;
    cleanup_json json_t *ids = json_array();
    int r = ids ? 0 : pyro_error_no_memory(error);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (!is_expired(context, &records[i]))
            continue;
        r = pyro_vm_remove(context, records[i].vm_id, error);
        if (r == 0)
            json_array_append_new(ids, json_string(records[i].vm_id));
    }
    pyro_store_vms_free(records, count);
    if (r == 0)
        *ret_result =
            json_pack("{s:O, s:i}", "reaped_vm_ids", ids, "count", (int)json_array_size(ids));
    return r;
}
