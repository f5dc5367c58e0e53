/* Running commands in a workspace, and looking at those that were run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "operation/exec.h"
#include "operation/workspace_support.h"
#include "operation/workspaces.h"
#include "supervisor/bundle.h"

enum {
    LOGS_BYTES_MAX = 64 * 1024 * 1024, /* of all outputs in one result */
    LOG_BYTES_LEAST = 4 * 1024,        /* of one stream, however many there are */
};

static void tell_restart(const struct pyro_observer *observer, const char *workspace_id,
                         const char *reason)
{
    cleanup_free char *message = pyro_text_format("%s did not run (%s); it was started again from "
                                                  "its disk: files are as they were, processes "
                                                  "and /tmp are not",
                                                  workspace_id, reason);
    const struct pyro_progress notice = {
        .operation = PYRO_PROGRESS_NOTICE, .phase = "restarted", .message = message};
    if (message && observer && observer->progress)
        observer->progress(observer->userdata, &notice);
}

/* The file that has the whole of a stream. To be freed, NULL when there is none. */
static char *log_path(const struct pyro_context *context, const char *vm_id, int64_t sequence,
                      const char *stream)
{
    char *path = pyro_text_format("%s/vms/%s/commands/%lld.%s", context->home.path, vm_id,
                                  (long long)sequence, stream);
    if (path && access(path, F_OK) < 0)
        free(steal_pointer(&path));
    return path;
}

static void set_paths(const struct pyro_context *context, const char *vm_id, int64_t sequence,
                      json_t *result)
{
    static const char *const streams[] = {"stdout", "stderr"};
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        char key[16];
        cleanup_free char *path = log_path(context, vm_id, sequence, streams[i]);
        snprintf(key, sizeof(key), "%s_path", streams[i]);
        json_object_set_new(result, key, path ? json_string(path) : json_null());
    }
}

/* What the supervisor told of its VM, so that nobody need look into the store. */
static json_t *vm_facts(struct pyro_client *client, const char *vm_id)
{
    json_t *boot = json_loads(pyro_client_boot_json(client), 0, NULL);
    if (!boot)
        return NULL;
    json_object_update(boot, json_object_get(boot, "about"));
    json_object_set_new(boot, "vm_id", json_string(vm_id));
    return boot;
}

static int run_result(const struct pyro_context *context, const struct pyro_run *run,
                      struct pyro_client *client, const json_t *parameters, const char *restarted,
                      json_t **ret_result, struct pyro_error *error)
{
    const char *workspace_id = pyro_json_text(parameters, "workspace_id", "");
    char vm_id[PYRO_VM_ID_SIZE] = "";
    int64_t sequence = pyro_client_sequence(client);
    pyro_workspace_vm_id(workspace_id, vm_id);
    cleanup_json json_t *vm = vm_facts(client, vm_id);
    cleanup_json json_t *result = pyro_run_to_json(run);
    if (!vm || !result ||
        json_object_set_new(result, "workspace_id", json_string(workspace_id)) < 0 ||
        json_object_set_new(result, "sequence", json_integer(sequence)) < 0 ||
        json_object_set_new(result, "cwd", json_string(run->exec.directory)) < 0 ||
        json_object_set_new(result, "restarted", restarted ? json_string(restarted) : json_null()) <
            0)
        return pyro_error_no_memory(error);
    set_paths(context, vm_id, sequence, result);
    pyro_run_add_vm(result, vm);
    *ret_result = steal_pointer(&result);
    return 0;
}

/* A command without a number was refused by the supervisor: nothing that is not written down runs.
 */
static int check_recorded(struct pyro_client *client, const struct pyro_run *run,
                          struct pyro_error *error)
{
    if (pyro_client_sequence(client) > 0 || run->exited.kind != PYRO_EXIT_UNSTARTED)
        return 0;
    pyro_error_set_errno(error, PYRO_ERROR_STORE_FAILED, (int)run->exited.value,
                         "the command was not run: the workspace could not write it down");
    return pyro_error_hint(error, run->exited.value == EAGAIN
                                      ? "wait until some of its commands have ended"
                                      : "see that there is room where pyro's home is, then try "
                                        "again");
}

/* A supervisor that is dying, or powers its guest off, can still be connected to: `ret_again` says
 * that it never saw the command. */
static int exec(struct pyro_context *context, struct pyro_run *run, const json_t *parameters,
                json_t **ret_result, bool *ret_again, struct pyro_error *error)
{
    struct pyro_client *client;
    cleanup_free char *restarted = NULL;
    *ret_again = false;
    if (pyro_workspace_connect_or_restart(context, parameters, &run->observer, &client, &restarted,
                                          error) < 0)
        return -1;
    if (restarted)
        tell_restart(&run->observer, pyro_json_text(parameters, "workspace_id", ""), restarted);
    int r = pyro_client_exec(client, &run->exec, &run->observer, &run->exited, error);
    *ret_again = r < 0 && error->code == PYRO_ERROR_WRONG_STATE && !pyro_client_was_heard(client);
    if (r < 0 && run->out_of_memory)
        pyro_error_no_memory(error);
    if (r == 0)
        r = check_recorded(client, run, error);
    if (r == 0)
        r = run_result(context, run, client, parameters, restarted, ret_result, error);
    pyro_client_destroy(client);
    return r;
}

PYRO_WORKSPACE_HANDLER(exec)
{
    enum { PATIENCE_MS = 60 * 1000, STEP_MS = 10 };
    struct pyro_run run;
    struct pyro_error why = PYRO_ERROR_INIT;
    bool again = false;
    uint64_t deadline = pyro_now_ms() + PATIENCE_MS;
    int r = pyro_run_init(&run, parameters, observer, &why);
    if (r == 0)
        r = exec(context, &run, parameters, ret_result, &again, &why);
    while (again && pyro_now_ms() < deadline) {
        usleep(STEP_MS * 1000);
        r = exec(context, &run, parameters, ret_result, &again, &why);
    }
    if (r < 0 && error)
        *error = why;
    pyro_run_finish(&run);
    return r;
}

/* Head and tail of a log, as far as it was kept, up to `cap` bytes. */
static int add_log(const struct pyro_context *context, const char *vm_id,
                   const struct pyro_command_record *record, const char *stream, int64_t bytes,
                   size_t cap, json_t *entry)
{
    char block[64 * 1024];
    struct pyro_output output;
    cleanup_free char *path = log_path(context, vm_id, record->sequence, stream);
    cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    ssize_t got;
    int r = 0;
    pyro_output_init(&output, cap);
    while (r == 0 && fd >= 0 && (got = read(fd, block, sizeof(block))) > 0)
        r = pyro_output_add(&output, block, (size_t)got);
    if (r == 0)
        r = pyro_output_to_json(&output, entry, stream);
    char key[32];
    snprintf(key, sizeof(key), "%s_bytes", stream);
    if (r == 0 && strcmp(record->state, "running") != 0)
        json_object_set_new(entry, key, json_integer(bytes));
    snprintf(key, sizeof(key), "%s_truncated", stream);
    if ((uint64_t)bytes > output.total_bytes)
        json_object_set_new(entry, key, json_true());
    snprintf(key, sizeof(key), "%s_path", stream);
    json_object_set_new(entry, key, path ? json_string(path) : json_null());
    pyro_output_finish(&output);
    return r;
}

static json_t *log_entry(const struct pyro_context *context, const char *vm_id,
                         const struct pyro_command_record *record, size_t cap)
{
    json_t *entry = json_pack(
        "{s:I, s:s, s:s, s:s, s:o, s:b, s:f, s:o}", "sequence", (json_int_t)record->sequence,
        "command", record->command, "cwd", record->cwd, "state", record->state, "exit_code",
        record->has_exit_code ? json_integer(record->exit_code) : json_null(), "timed_out",
        record->timed_out, "started_at", record->started_at, "duration_ms",
        strcmp(record->state, "running") == 0 ? json_null() : json_real(record->duration_ms));
    if (entry && add_log(context, vm_id, record, "stdout", record->stdout_bytes, cap, entry) == 0 &&
        add_log(context, vm_id, record, "stderr", record->stderr_bytes, cap, entry) == 0)
        return entry;
    json_decref(entry);
    return NULL;
}

static json_t *log_entries(const struct pyro_context *context, const char *vm_id,
                           const struct pyro_command_record *records, size_t count)
{
    size_t share = LOGS_BYTES_MAX / (2 * MAX(count, (size_t)1));
    size_t cap = MIN(MAX(share, (size_t)LOG_BYTES_LEAST), (size_t)PYRO_OUTPUT_CAP);
    json_t *entries = json_array();
    for (size_t i = 0; entries && i < count; i++) {
        if (json_array_append_new(entries, log_entry(context, vm_id, &records[i], cap)) < 0) {
            json_decref(entries);
            return NULL;
        }
    }
    return entries;
}

PYRO_WORKSPACE_HANDLER(logs)
{
    (void)observer;
    struct pyro_vm_record record;
    struct pyro_command_record *commands;
    size_t count;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    int r = pyro_store_command_list(context->store, record.vm_id, 0, &commands, &count, error);
    if (r == 0) {
        json_t *entries = log_entries(context, record.vm_id, commands, count);
        *ret_result = json_pack("{s:s, s:i, s:o}", "workspace_id",
                                pyro_json_text(parameters, "workspace_id", ""), "count", (int)count,
                                "entries", entries);
        pyro_store_commands_free(commands, count);
        r = *ret_result ? 0 : pyro_error_no_memory(error);
    }
    pyro_vm_record_finish(&record);
    return r;
}
