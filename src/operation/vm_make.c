/* Making a VM: everything that is decided before its supervisor starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "environment/environment.h"
#include "operation/pull.h"
#include "operation/spare.h"
#include "operation/vm_support.h"
#include "supervisor/bundle.h"
#include "vm/host.h"

/* All that is looked up for one new VM, and freed together. */
struct draft {
    const struct pyro_environment *environment;
    struct pyro_host host;
    struct pyro_installation installation;
    struct pyro_bundle_config config;
    int directory;
};

static int check_memory(const struct pyro_host *host, int64_t mem_mib, struct pyro_error *error)
{
    uint64_t host_mib = host->memory_bytes >> 20;
    if (host_mib == 0 || (uint64_t)mem_mib <= host_mib)
        return 0;
    pyro_error_set(error, PYRO_ERROR_NOT_ENOUGH_MEMORY,
                   "cannot give a guest %lld MiB: this host has %llu MiB", (long long)mem_mib,
                   (unsigned long long)host_mib);
    pyro_error_field(error, "mem_mib");
    return pyro_error_hint(error, "ask for less with --mem-mib");
}

/* Opens the installation, pulling first when there is none. A damaged one is for the user to
 * repair: it may hold evidence, and a pull takes a while. */
static int open_installation(struct pyro_context *context, struct draft *draft,
                             const struct pyro_observer *observer, struct pyro_error *error)
{
    if (pyro_installation_open(&context->home, draft->environment, &draft->installation, error) ==
        0)
        return 0;
    if (error->code != PYRO_ERROR_NOT_INSTALLED)
        return -1;
    if (pyro_pull(context, draft->environment, observer, error) < 0)
        return -1;
    return pyro_installation_open(&context->home, draft->environment, &draft->installation, error);
}

/* What a client is told of a workspace's VM, and memory that is a file of its own. */
static int describe_workspace(const struct pyro_context *context, struct pyro_bundle_config *config,
                              const struct pyro_vm_record *record)
{
    cleanup_json json_t *about = json_pack(
        "{s:s, s:s, s:s, s:s}", "environment", record->environment, "execution_mode",
        record->execution_mode, "accelerator", record->accelerator, "isolation", record->isolation);
    config->is_workspace = true;
    config->about = about ? json_dumps(about, JSON_COMPACT) : NULL;
    config->machine.ram = pyro_text_format("%s/vms/%s/ram", context->home.path, record->vm_id);
    return config->about && config->machine.ram ? 0 : -ENOMEM;
}

static int fill_bundle(struct pyro_context *context, struct draft *draft,
                       const struct pyro_vm_record *record, struct pyro_error *error)
{
    struct pyro_bundle_config *config = &draft->config;
    const struct pyro_shape shape = pyro_vm_shape(record);
    if (pyro_bundle_config_init(config, &context->home, &draft->host, &draft->installation, &shape,
                                record->vm_id, error) < 0)
        return -1;
    config->one_shot = record->one_shot;
    config->expires_at = record->expires_at;
    config->ttl_seconds = record->ttl_seconds;
    config->machine.durable = record->seed_json || !record->one_shot; /* it can be started again */
    if (record->seed_json && describe_workspace(context, config, record) < 0)
        return pyro_error_no_memory(error);
    return pyro_bundle_config_write(draft->directory, config, error);
}

/* Host compat keeps its files in the bundle: the directory that stands for /workspace. */
static int fill_host_compat(struct draft *draft, struct pyro_error *error)
{
    if (mkdirat(draft->directory, "workspace", 0700) < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errno, "cannot make the workspace");
    return 0;
}

static int fill_record(struct pyro_vm_record *record, const json_t *parameters,
                       const struct pyro_new_vm_kind *kind, const struct draft *draft,
                       bool host_compat)
{
    *record = (struct pyro_vm_record){
        .environment = strdup(draft->environment->name),
        .state = strdup("created"),
        .vcpu_count = pyro_json_integer(parameters, "vcpu_count", 0),
        .mem_mib = pyro_json_integer(parameters, "mem_mib", 0),
        .ttl_seconds = kind->ttl_seconds,
        .created_at = pyro_wall_seconds(),
        .network_enabled = pyro_json_boolean(parameters, "network", false),
        .allow_host_compat = pyro_json_boolean(parameters, "allow_host_compat", false),
        .one_shot = kind->one_shot,
        .execution_mode = strdup(host_compat      ? "host_compat"
                                 : kind->one_shot ? "guest"
                                                  : "pending"),
        .accelerator =
            strdup(host_compat ? "none" : pyro_accelerator_name(draft->host.accelerator)),
        .isolation = strdup(host_compat ? "host_compat" : pyro_host_isolation(&draft->host)),
    };
    record->expires_at = record->created_at + (double)kind->ttl_seconds;
    if (kind->is_workspace && !(record->seed_json = strdup("{}"))) /* told when it is complete */
        return -ENOMEM;
    bool good = record->environment && record->state && record->execution_mode &&
                record->accelerator && record->isolation;
    return good ? pyro_vm_id_make(record->vm_id) : -ENOMEM;
}

static int insert(const struct draft *draft, struct pyro_store *store,
                  const struct pyro_vm_record *record, struct pyro_error *error)
{
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_store_vm_insert(store, record, pyro_active_vms_most(&draft->host), &why) == 0)
        return 0;
    if (why.code == PYRO_ERROR_TOO_MANY_VMS)
        pyro_active_vms_name(store, &why);
    if (error)
        *error = why;
    return -1;
}

/* Bundle first, row second: a directory without a row is swept up, a row without its directory
 * would lie. */
static int make(struct pyro_context *context, struct draft *draft, struct pyro_store *store,
                struct pyro_new_vm *vm, bool host_compat, struct pyro_error *error)
{
    struct pyro_vm_record *record = &vm->record;
    if (pyro_bundle_create(&context->home, record->vm_id, &draft->directory, &vm->lock, error) < 0)
        return -1;
    int r =
        host_compat ? fill_host_compat(draft, error) : fill_bundle(context, draft, record, error);
    if (r == 0 && !host_compat && record->network_enabled) {
        const uint8_t *m = draft->config.machine.mac;
        record->mac =
            pyro_text_format("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        r = record->mac ? 0 : pyro_error_no_memory(error);
    }
    if (r == 0)
        r = insert(draft, store, record, error);
    if (r < 0)
        pyro_bundle_remove(&context->home, record->vm_id);
    return r;
}

/* Finds all that a guest needs. The lock comes first: what is locked is not pruned under our feet.
 */
static int find_guest(struct pyro_context *context, struct draft *draft, const json_t *parameters,
                      const struct pyro_observer *observer, struct pyro_new_vm *vm,
                      struct pyro_error *error)
{
    bool network = pyro_json_boolean(parameters, "network", false);
    int64_t mem_mib = pyro_json_integer(parameters, "mem_mib", 0);
    if (pyro_host_check(&draft->host, network, error) < 0 ||
        check_memory(&draft->host, mem_mib, error) < 0)
        return -1;
    vm->environment_lock = pyro_installation_lock(&context->home, draft->environment, error);
    if (vm->environment_lock < 0)
        return -1;
    return open_installation(context, draft, observer, error);
}

bool pyro_error_means_no_guest(const struct pyro_error *error)
{
    switch (error->code) {
    case PYRO_ERROR_NO_VM:
    case PYRO_ERROR_MISSING_PROGRAM:
    case PYRO_ERROR_NOT_INSTALLED:
    case PYRO_ERROR_ENVIRONMENT_DAMAGED:
    case PYRO_ERROR_PULL_FAILED:
    case PYRO_ERROR_BOOT_FAILED:
    case PYRO_ERROR_BOOT_TIMEOUT:
        return true;
    default:
        return false;
    }
}

/* A one-shot VM starts at once; others when they are started. */
static void find_template(struct pyro_context *context, const struct draft *draft,
                          const struct pyro_observer *observer, struct pyro_new_vm *vm)
{
    const struct pyro_template_source source = {.home = &context->home,
                                                .host = &draft->host,
                                                .environment = draft->environment,
                                                .installation = &draft->installation,
                                                .shape = pyro_vm_shape(&vm->record)};
    pyro_template_acquire(&source, observer, &vm->template_);
    /* Its time begins now, not when somebody began to make a template. */
    vm->record.created_at = pyro_wall_seconds();
    vm->record.expires_at = vm->record.created_at + (double)vm->record.ttl_seconds;
}

static int prepare(struct pyro_context *context, struct draft *draft, const json_t *parameters,
                   const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                   struct pyro_new_vm *vm, struct pyro_error *error)
{
    struct pyro_store *store;
    const char *name = pyro_json_text(parameters, "environment", "");
    /* A sandbox could not keep what a workspace promises. */
    bool allowed = !kind->is_workspace && pyro_json_boolean(parameters, "allow_host_compat", false);
    bool host_compat = kind->host_compat;
    draft->environment = pyro_environment_find(name, error);
    if (!draft->environment || pyro_context_store(context, &store, error) < 0 ||
        pyro_bundle_reconcile(&context->home, store, error) < 0 ||
        pyro_host_probe(&context->home, &draft->host, error) < 0)
        return -1;
    if (!host_compat && find_guest(context, draft, parameters, observer, vm, error) < 0) {
        if (!allowed || !pyro_error_means_no_guest(error))
            return -1;
        host_compat = true;
    }
    if (fill_record(&vm->record, parameters, kind, draft, host_compat) < 0)
        return pyro_error_no_memory(error);
    if (kind->one_shot && !host_compat)
        find_template(context, draft, observer, vm);
    return make(context, draft, store, vm, host_compat, error);
}

static int try_to_make(struct pyro_context *context, const json_t *parameters,
                       const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                       struct pyro_new_vm *ret_vm, struct pyro_error *error)
{
    struct draft draft = {.directory = -1};
    *ret_vm = (struct pyro_new_vm){.lock = -1, .environment_lock = -1, .template_ = {.lock = -1}};
    int r = prepare(context, &draft, parameters, kind, observer, ret_vm, error);
    if (r < 0)
        pyro_new_vm_finish(ret_vm);
    if (draft.directory >= 0)
        close(draft.directory);
    pyro_bundle_config_finish(&draft.config);
    pyro_installation_finish(&draft.installation);
    pyro_host_finish(&draft.host);
    return r;
}

int pyro_new_vm_make(struct pyro_context *context, const json_t *parameters,
                     const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                     struct pyro_new_vm *ret_vm, struct pyro_error *error)
{
    struct pyro_error why = PYRO_ERROR_INIT;
    int r = try_to_make(context, parameters, kind, observer, ret_vm, &why);
    if (r < 0 && why.code == PYRO_ERROR_TOO_MANY_VMS && pyro_spares_give_back(context, observer))
        r = try_to_make(context, parameters, kind, observer, ret_vm, &why);
    if (r < 0 && error)
        *error = why;
    return r;
}
