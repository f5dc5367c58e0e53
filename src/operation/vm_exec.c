/* Running a command in a VM: vm_run makes one for it, vm_exec uses one up. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/exec.h"
#include "operation/host_compat.h"
#include "operation/spare.h"
#include "operation/vm_support.h"
#include "operation/vms.h"
#include "vm/host.h"

enum {
    DEFAULT_TTL = 600,
    TTL_BEYOND_TIMEOUT = 300, /* time for the boot, and for a pull's end */
};

/* The result of the contract, from the VM's record and what the run brought. */
static int run_result(const struct pyro_run *run, const struct pyro_vm_record *record,
                      json_t **ret_result, struct pyro_error *error)
{
    cleanup_json json_t *vm = pyro_vm_record_to_json(record);
    cleanup_json json_t *result = pyro_run_to_json(run);
    cleanup_json json_t *cleanup = json_pack("{s:b}", "deleted", 1);
    if (!vm || !result || json_object_set(result, "cleanup", cleanup) < 0)
        return pyro_error_no_memory(error);
    pyro_run_add_vm(result, vm);
    *ret_result = steal_pointer(&result);
    return 0;
}

static int run_on_host(struct pyro_context *context, struct pyro_run *run, const char *vm_id,
                       bool network, struct pyro_error *error)
{
    struct pyro_host host;
    if (pyro_host_probe(&context->home, &host, error) < 0)
        return -1;
    cleanup_free char *workspace =
        pyro_text_format("%s/vms/%s/workspace", context->home.path, vm_id);
    const struct pyro_host_compat sandbox = {.bwrap_path = host.jail ? host.bwrap_path : NULL,
                                             .workspace = workspace,
                                             .network = network};
    run->exec.flags = run->observer.stdin_fd >= 0 ? PYRO_EXEC_STDIN : 0;
    int r = workspace
                ? pyro_host_compat_exec(&sandbox, &run->exec, &run->observer, &run->exited, error)
                : pyro_error_no_memory(error);
    pyro_host_finish(&host);
    return r;
}

/* Runs the command in the one-shot guest. `client` is NULL for one that is to be started: the
 * command is sent along before it is up. */
static int run_in_guest(struct pyro_context *context, struct pyro_run *run, struct pyro_new_vm *vm,
                        struct pyro_client *client, struct pyro_error *error)
{
    if (!client && pyro_new_vm_spawn(context, vm, &client, error) < 0)
        return -1;
    int r = pyro_client_exec(client, &run->exec, &run->observer, &run->exited, error);
    const char *boot = pyro_client_boot_json(client);
    if (r == 0 && *boot)
        vm->record.boot_json = strdup(boot);
    pyro_template_report(&context->home, &vm->template_, boot);
    pyro_client_stop(client, PYRO_STOP_AT_ONCE, NULL);
    pyro_client_destroy(client);
    return r;
}

static int run_once(struct pyro_context *context, struct pyro_run *run, const json_t *parameters,
                    const struct pyro_new_vm_kind *kind, json_t **ret_result,
                    struct pyro_error *error)
{
    struct pyro_new_vm vm;
    struct pyro_client *spare = NULL;
    if (!pyro_spare_take(context, parameters, kind, &run->observer, &vm, &spare) &&
        pyro_new_vm_make(context, parameters, kind, &run->observer, &vm, error) < 0)
        return -1;
    bool host_compat = pyro_vm_is_host_compat(&vm.record);
    int r = host_compat
                ? run_on_host(context, run, vm.record.vm_id, vm.record.network_enabled, error)
                : run_in_guest(context, run, &vm, spare, error);
    if (r < 0 && run->out_of_memory)
        pyro_error_no_memory(error);
    if (r == 0)
        r = run_result(run, &vm.record, ret_result, error);
    /* The supervisor has cleaned up already, unless it died or never was. */
    struct pyro_error ignored;
    close(steal_fd(&vm.lock));
    pyro_vm_remove(context, vm.record.vm_id, &ignored);
    pyro_new_vm_finish(&vm);
    if (r == 0 && !host_compat)
        pyro_spare_prepare(context, parameters, kind);
    return r;
}

int pyro_vm_run_handler(struct pyro_context *context, const json_t *parameters,
                        const struct pyro_observer *observer, json_t **ret_result,
                        struct pyro_error *error)
{
    int64_t timeout = pyro_json_integer(parameters, "timeout_seconds", 0);
    int64_t ttl = MAX(timeout + TTL_BEYOND_TIMEOUT, (int64_t)DEFAULT_TTL);
    struct pyro_new_vm_kind kind = {
        .one_shot = true, .ttl_seconds = pyro_json_integer(parameters, "ttl_seconds", ttl)};
    struct pyro_run run;
    int r = pyro_run_init(&run, parameters, observer, error);
    if (r == 0)
        r = run_once(context, &run, parameters, &kind, ret_result, error);
    if (r < 0 && pyro_json_boolean(parameters, "allow_host_compat", false) && !kind.host_compat &&
        (error->code == PYRO_ERROR_BOOT_FAILED || error->code == PYRO_ERROR_BOOT_TIMEOUT)) {
        kind.host_compat = true;
        r = run_once(context, &run, parameters, &kind, ret_result, error);
    }
    pyro_run_finish(&run);
    return r;
}

static int exec_in_guest(struct pyro_context *context, struct pyro_run *run,
                         const struct pyro_vm_record *record, struct pyro_error *error)
{
    struct pyro_client *client;
    if (pyro_client_connect(&context->home, record->vm_id, &client, error) < 0)
        return -1;
    int r = pyro_client_exec(client, &run->exec, &run->observer, &run->exited, error);
    pyro_client_destroy(client);
    return r;
}

/* Whatever became of the command, the VM is used up: the contract's auto-clean. */
static int exec_and_delete(struct pyro_context *context, struct pyro_run *run,
                           const struct pyro_vm_record *record, json_t **ret_result,
                           struct pyro_error *error)
{
    int r = pyro_vm_is_host_compat(record)
                ? run_on_host(context, run, record->vm_id, record->network_enabled, error)
                : exec_in_guest(context, run, record, error);
    struct pyro_error removal;
    int removed = pyro_vm_remove(context, record->vm_id, &removal);
    if (r == 0 && removed < 0) {
        *error = removal;
        return -1;
    }
    return r == 0 ? run_result(run, record, ret_result, error) : r;
}

int pyro_vm_exec_handler(struct pyro_context *context, const json_t *parameters,
                         const struct pyro_observer *observer, json_t **ret_result,
                         struct pyro_error *error)
{
    struct pyro_vm_record record;
    if (pyro_vm_find_free(context, parameters, "use up", "workspace_exec", &record, error) < 0)
        return -1;
    struct pyro_run run;
    int r = pyro_run_init(&run, parameters, observer, error);
    if (r == 0 && strcmp(record.state, "started") != 0) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot run a command in %s: it is %s",
                       record.vm_id, record.state);
        r = pyro_error_hint(error, "start it first (vm_start)");
    }
    if (r == 0)
        r = exec_and_delete(context, &run, &record, ret_result, error);
    pyro_run_finish(&run);
    pyro_vm_record_finish(&record);
    return r;
}
