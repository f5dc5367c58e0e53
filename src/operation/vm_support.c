#include "operation/vm_support.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "supervisor/bundle.h"

void pyro_new_vm_finish(struct pyro_new_vm *vm)
{
    if (vm->lock >= 0)
        close(vm->lock);
    if (vm->environment_lock >= 0)
        close(vm->environment_lock);
    vm->lock = vm->environment_lock = -1;
    pyro_template_finish(&vm->template_);
    pyro_vm_record_finish(&vm->record);
}

struct pyro_shape pyro_vm_shape(const struct pyro_vm_record *record)
{
    return (struct pyro_shape){.vcpu_count = (unsigned)record->vcpu_count,
                               .mem_mib = (unsigned)record->mem_mib,
                               .network = record->network_enabled};
}

int pyro_vm_find(struct pyro_context *context, const json_t *parameters,
                 struct pyro_vm_record *ret_record, struct pyro_error *error)
{
    struct pyro_store *store;
    const char *vm_id = json_string_value(json_object_get(parameters, "vm_id"));
    if (pyro_context_store(context, &store, error) < 0 ||
        pyro_bundle_reconcile(&context->home, store, error) < 0)
        return -1;
    return pyro_store_vm_get(store, vm_id, ret_record, error);
}

/* Ends its supervisor. One that is just starting holds the lock but cannot be reached yet. */
static int end_guest(struct pyro_context *context, const char *vm_id, struct pyro_error *error)
{
    enum { PATIENCE_MS = 3000, STEP_MS = 10 };
    struct pyro_client *client;
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += STEP_MS) {
        if (pyro_client_connect(&context->home, vm_id, &client, NULL) == 0) {
            pyro_client_stop(client, PYRO_STOP_AT_ONCE, NULL);
            pyro_client_destroy(client);
        }
        if (!pyro_bundle_is_live(&context->home, vm_id))
            return 0;
        usleep(STEP_MS * 1000);
    }
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot delete %s: somebody is using it", vm_id);
    return pyro_error_hint(error, "try again when that has ended");
}

/* The row first: a directory that no row speaks of is tidied up by the next call if this one dies.
 */
int pyro_vm_remove(struct pyro_context *context, const char *vm_id, struct pyro_error *error)
{
    struct pyro_store *store;
    if (pyro_context_store(context, &store, error) < 0 || end_guest(context, vm_id, error) < 0 ||
        pyro_store_vm_delete(store, vm_id, NULL, error) < 0)
        return -1;
    int r = pyro_bundle_remove_patiently(&context->home, vm_id);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot remove the directory of %s", vm_id);
    return 0;
}

static int refuse_workspace(const struct pyro_vm_record *record, const char *wish,
                            const char *instead, struct pyro_error *error)
{
    char id[PYRO_VM_ID_SIZE];
    pyro_workspace_id_of(record->vm_id, id);
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot %s %s: it belongs to the workspace %s",
                   wish, record->vm_id, id);
    pyro_error_field(error, "vm_id");
    return pyro_error_hint(error, "use %s with %s", instead, id);
}

int pyro_vm_find_free(struct pyro_context *context, const json_t *parameters, const char *wish,
                      const char *instead, struct pyro_vm_record *ret_record,
                      struct pyro_error *error)
{
    if (pyro_vm_find(context, parameters, ret_record, error) < 0)
        return -1;
    if (!ret_record->seed_json)
        return 0;
    refuse_workspace(ret_record, wish, instead, error);
    pyro_vm_record_finish(ret_record);
    return -1;
}

int pyro_new_vm_spawn(struct pyro_context *context, const struct pyro_new_vm *vm,
                      struct pyro_client **ret_client, struct pyro_error *error)
{
    const struct pyro_holds holds = {.bundle = vm->lock,
                                     .environment = vm->environment_lock,
                                     .template_ = vm->template_.lock,
                                     .template_path = vm->template_.path};
    return pyro_client_spawn(&context->home, vm->record.vm_id, &holds, ret_client, error);
}

bool pyro_vm_is_host_compat(const struct pyro_vm_record *record)
{
    return strcmp(record->execution_mode, "host_compat") == 0;
}

json_t *pyro_vm_record_to_json(const struct pyro_vm_record *record)
{
    static const char *const boot_keys[] = {"boot_ms",         "boot_kind",     "boot_fallback",
                                            "boot_attempts",   "boot_qemu_ms",  "boot_kernel_ms",
                                            "boot_restore_ms", "boot_agent_ms", "boot_setup_ms"};
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:b, s:b, s:s, s:s, s:s}", "vm_id", record->vm_id,
        "environment", record->environment, "state", record->state, "vcpu_count",
        (json_int_t)record->vcpu_count, "mem_mib", (json_int_t)record->mem_mib, "ttl_seconds",
        (json_int_t)record->ttl_seconds, "created_at", record->created_at, "expires_at",
        record->expires_at, "network_enabled", record->network_enabled, "allow_host_compat",
        record->allow_host_compat, "execution_mode", record->execution_mode, "accelerator",
        record->accelerator, "isolation", record->isolation);
    cleanup_json json_t *boot = record->boot_json ? json_loads(record->boot_json, 0, NULL) : NULL;
    for (size_t i = 0; object && i < ARRAY_SIZE(boot_keys); i++) {
        json_t *value = json_object_get(boot, boot_keys[i]);
        json_object_set_new(object, boot_keys[i], value ? json_incref(value) : json_null());
    }
    return object;
}
