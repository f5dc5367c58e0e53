#include "operation/exec.h"

#include <stdlib.h>

#include "base/json.h"

static int keep_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct pyro_run *run = userdata;
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
    struct pyro_run *run = userdata;
    if (run->caller && run->caller->progress)
        run->caller->progress(run->caller->userdata, progress);
}

int pyro_run_init(struct pyro_run *run, const json_t *parameters,
                  const struct pyro_observer *caller, struct pyro_error *error)
{
    *run = (struct pyro_run){.caller = caller,
                             .observer = {.userdata = run,
                                          .output = keep_output,
                                          .progress = pass_progress,
                                          .cancel_fd = caller ? caller->cancel_fd : -1,
                                          .stdin_fd = caller ? caller->stdin_fd : -1}};
    pyro_output_init(&run->streams[0], PYRO_OUTPUT_CAP);
    pyro_output_init(&run->streams[1], PYRO_OUTPUT_CAP);
    if (pyro_command_init(&run->command, json_object_get(parameters, "command"), error) < 0)
        return -1;
    run->exec = (struct pyro_exec){
        .timeout_ms = (uint32_t)(pyro_json_integer(parameters, "timeout_seconds", 0) * 1000),
        .arguments = run->command.arguments,
        .directory = "/workspace"};
    return 0;
}

void pyro_run_finish(struct pyro_run *run)
{
    pyro_command_finish(&run->command);
    pyro_output_finish(&run->streams[0]);
    pyro_output_finish(&run->streams[1]);
}

json_t *pyro_run_to_json(const struct pyro_run *run)
{
    const struct pyro_exited *exited = &run->exited;
    json_t *result = json_pack(
        "{s:s, s:i, s:f, s:b}", "command", run->command.display, "exit_code",
        exited->timed_out ? PYRO_STATUS_TIMED_OUT : pyro_exited_status(exited), "duration_ms",
        (double)exited->duration_us / 1000, "timed_out", exited->timed_out);
    if (result && pyro_output_to_json(&run->streams[0], result, "stdout") == 0 &&
        pyro_output_to_json(&run->streams[1], result, "stderr") == 0)
        return result;
    json_decref(result);
    return NULL;
}

void pyro_run_add_vm(json_t *result, const json_t *vm)
{
    static const char *const keys[] = {
        "environment",    "vm_id",           "execution_mode", "accelerator",   "isolation",
        "boot_ms",        "boot_kind",       "boot_fallback",  "boot_attempts", "boot_qemu_ms",
        "boot_kernel_ms", "boot_restore_ms", "boot_agent_ms",  "boot_setup_ms"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(vm, keys[i]);
        json_object_set_new(result, keys[i], value ? json_incref(value) : json_null());
    }
}
