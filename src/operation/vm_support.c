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
    pyro_vm_record_finish(&vm->record);
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

int pyro_vm_remove(struct pyro_context *context, const char *vm_id, struct pyro_error *error)
{
    struct pyro_store *store;
    struct pyro_client *client;
    if (pyro_context_store(context, &store, error) < 0)
        return -1;
    if (pyro_client_connect(&context->home, vm_id, &client, NULL) == 0) {
        pyro_client_stop(client, PYRO_STOP_AT_ONCE);
        pyro_client_destroy(client);
    }
    int r = pyro_bundle_remove(&context->home, vm_id);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot remove the directory of %s", vm_id);
    return pyro_store_vm_delete(store, vm_id, NULL, error);
}

bool pyro_vm_is_host_compat(const struct pyro_vm_record *record)
{
    return strcmp(record->execution_mode, "host_compat") == 0;
}

json_t *pyro_vm_record_to_json(const struct pyro_vm_record *record)
{
    static const char *const boot_keys[] = {"boot_ms",      "boot_kind",      "boot_attempts",
                                            "boot_qemu_ms", "boot_kernel_ms", "boot_agent_ms"};
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
