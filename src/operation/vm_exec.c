/* Running a command in a VM: vm_run makes one for it, vm_exec uses one up. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/command.h"
#include "operation/host_compat.h"
#include "operation/output.h"
#include "operation/vm_support.h"
#include "operation/vms.h"
#include "vm/host.h"

enum {
    OUTPUT_CAP = 1024 * 1024, /* kept of each stream for the result */
    DEFAULT_TTL = 600,
    TTL_BEYOND_TIMEOUT = 300, /* time for the boot, and for a pull's end */
};

/* One command under way: what it is, and what is kept of its output. */
struct run {
    const struct pyro_observer *caller;
    struct pyro_observer observer; /* ours: keeps, then passes on */
    struct pyro_command command;
    struct pyro_exec exec;
    struct pyro_output streams[2];
    bool out_of_memory;
    struct pyro_exited exited;
};

static int keep_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct run *run = userdata;
    struct pyro_output *output = &run->streams[stream == PYRO_STDERR];
    if (pyro_output_add(output, bytes, size) < 0) {
        run->out_of_memory = true;
        return 1;
    }
    const struct pyro_observer *caller = run->caller;
    return caller && caller->output ? caller->output(caller->userdata, stream, bytes, size) : 0;
}

static void pass_progress(void *userdata, const struct pyro_progress *progress)
{
    struct run *run = userdata;
    if (run->caller && run->caller->progress)
        run->caller->progress(run->caller->userdata, progress);
}

static int run_init(struct run *run, const json_t *parameters, const struct pyro_observer *caller,
                    struct pyro_error *error)
{
    *run = (struct run){.caller = caller,
                        .observer = {.userdata = run,
                                     .output = keep_output,
                                     .progress = pass_progress,
                                     .cancel_fd = caller ? caller->cancel_fd : -1,
                                     .stdin_fd = caller ? caller->stdin_fd : -1}};
    pyro_output_init(&run->streams[0], OUTPUT_CAP);
    pyro_output_init(&run->streams[1], OUTPUT_CAP);
    if (pyro_command_init(&run->command, json_object_get(parameters, "command"), error) < 0)
        return -1;
    run->exec = (struct pyro_exec){
        .timeout_ms = (uint32_t)(pyro_json_integer(parameters, "timeout_seconds", 30) * 1000),
        .arguments = run->command.arguments,
        .directory = "/workspace"};
    return 0;
}

static void run_finish(struct run *run)
{
    pyro_command_finish(&run->command);
    pyro_output_finish(&run->streams[0]);
    pyro_output_finish(&run->streams[1]);
}

/* The result of the contract, from the VM's record and what the run brought. */
static int run_result(struct run *run, const struct pyro_vm_record *record, json_t **ret_result,
                      struct pyro_error *error)
{
    static const char *const from_record[] = {
        "environment",    "vm_id",           "execution_mode", "accelerator",   "isolation",
        "boot_ms",        "boot_kind",       "boot_fallback",  "boot_attempts", "boot_qemu_ms",
        "boot_kernel_ms", "boot_restore_ms", "boot_agent_ms",  "boot_setup_ms"};
    const struct pyro_exited *exited = &run->exited;
    cleanup_json json_t *vm = pyro_vm_record_to_json(record);
    cleanup_json json_t *result =
        json_pack("{s:s, s:i, s:f, s:b, s:{s:b}}", "command", run->command.display, "exit_code",
                  exited->timed_out ? 124 : pyro_exited_status(exited), "duration_ms",
                  (double)exited->duration_us / 1000, "timed_out", exited->timed_out, "cleanup",
                  "deleted", 1);
    if (!vm || !result || pyro_output_to_json(&run->streams[0], result, "stdout") < 0 ||
        pyro_output_to_json(&run->streams[1], result, "stderr") < 0)
        return pyro_error_no_memory(error);
    for (size_t i = 0; i < ARRAY_SIZE(from_record); i++)
        json_object_set(result, from_record[i], json_object_get(vm, from_record[i]));
    *ret_result = steal_pointer(&result);
    return 0;
}

static int run_on_host(struct pyro_context *context, struct run *run, const char *vm_id,
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

/* Starts the one-shot guest and runs the command: the command is sent along before the guest is up.
 */
static int run_in_guest(struct pyro_context *context, struct run *run, struct pyro_new_vm *vm,
                        struct pyro_error *error)
{
    struct pyro_client *client;
    const struct pyro_holds holds = {.bundle = vm->lock,
                                     .environment = vm->environment_lock,
                                     .template_ = vm->template_.lock,
                                     .template_path = vm->template_.path};
    if (pyro_client_spawn(&context->home, vm->record.vm_id, &holds, &client, error) < 0)
        return -1;
    int r = pyro_client_exec(client, &run->exec, &run->observer, &run->exited, error);
    const char *boot = pyro_client_boot_json(client);
    if (r == 0 && *boot)
        vm->record.boot_json = strdup(boot);
    pyro_template_report(&context->home, &vm->template_, boot);
    pyro_client_stop(client, PYRO_STOP_AT_ONCE);
    pyro_client_destroy(client);
    return r;
}

static int run_once(struct pyro_context *context, struct run *run, const json_t *parameters,
                    const struct pyro_new_vm_kind *kind, json_t **ret_result,
                    struct pyro_error *error)
{
    struct pyro_new_vm vm;
    if (pyro_new_vm_make(context, parameters, kind, &run->observer, &vm, error) < 0)
        return -1;
    int r = pyro_vm_is_host_compat(&vm.record)
                ? run_on_host(context, run, vm.record.vm_id, vm.record.network_enabled, error)
                : run_in_guest(context, run, &vm, error);
    if (r < 0 && run->out_of_memory)
        pyro_error_no_memory(error);
    if (r == 0)
        r = run_result(run, &vm.record, ret_result, error);
    /* The supervisor has cleaned up already, unless it died or never was. */
    struct pyro_error ignored;
    close(steal_fd(&vm.lock));
    pyro_vm_remove(context, vm.record.vm_id, &ignored);
    pyro_new_vm_finish(&vm);
    return r;
}

int pyro_vm_run_handler(struct pyro_context *context, const json_t *parameters,
                        const struct pyro_observer *observer, json_t **ret_result,
                        struct pyro_error *error)
{
    int64_t timeout = pyro_json_integer(parameters, "timeout_seconds", 30);
    int64_t ttl = MAX(timeout + TTL_BEYOND_TIMEOUT, (int64_t)DEFAULT_TTL);
    struct pyro_new_vm_kind kind = {
        .one_shot = true, .ttl_seconds = pyro_json_integer(parameters, "ttl_seconds", ttl)};
    struct run run;
    int r = run_init(&run, parameters, observer, error);
    if (r == 0)
        r = run_once(context, &run, parameters, &kind, ret_result, error);
    if (r < 0 && pyro_json_boolean(parameters, "allow_host_compat", false) && !kind.host_compat &&
        (error->code == PYRO_ERROR_BOOT_FAILED || error->code == PYRO_ERROR_BOOT_TIMEOUT)) {
        kind.host_compat = true;
        r = run_once(context, &run, parameters, &kind, ret_result, error);
    }
    run_finish(&run);
    return r;
}

static int exec_in_guest(struct pyro_context *context, struct run *run,
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
static int exec_and_delete(struct pyro_context *context, struct run *run,
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
    if (pyro_vm_find(context, parameters, &record, error) < 0)
        return -1;
    struct run run;
    int r = run_init(&run, parameters, observer, error);
    if (r == 0 && strcmp(record.state, "started") != 0) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "cannot run a command in %s: it is %s",
                       record.vm_id, record.state);
        r = pyro_error_hint(error, "start it first (vm_start)");
    }
    if (r == 0)
        r = exec_and_delete(context, &run, &record, ret_result, error);
    run_finish(&run);
    pyro_vm_record_finish(&record);
    return r;
}
