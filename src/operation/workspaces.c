/* The life of a workspace: create, look, delete. */
#include "operation/workspaces.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/spare.h"
#include "operation/vm_support.h"
#include "operation/workspace_support.h"
#include "workspace/call.h"
#include "workspace/push.h"

/* A workspace being made. Until it is complete its VM is a one-shot one: whatever happens to us, it
 * is not there. */
struct creation {
    struct pyro_context *context;
    const struct pyro_observer *observer;
    const char *seed_path;           /* NULL: nothing */
    struct pyro_tree_source *source; /* NULL: nothing */
    struct pyro_baseline_writer *baseline;
    struct pyro_new_vm vm;
    struct pyro_client *client;
    struct pyro_push_report seeded;
};

static int open_seed(struct creation *creation, const json_t *parameters, struct pyro_error *error)
{
    creation->seed_path = json_string_value(json_object_get(parameters, "seed_path"));
    if (!creation->seed_path)
        return 0;
    return pyro_workspace_open_source(creation->context, creation->seed_path, "seed_path",
                                      &creation->source, error);
}

/* Nothing the guest does from now on may look as if it had been done before: the clock that marks
 * its files ticks every 4 ms. */
static void let_clock_tick(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
}

static int send_seed(struct creation *creation, struct pyro_error *error)
{
    struct pyro_guest_channel guest;
    pyro_guest_channel_init(&guest, creation->client, creation->observer);
    cleanup_close int memory =
        pyro_workspace_open_memory(creation->context, creation->vm.record.vm_id);
    const struct pyro_push push = {.channel = &guest.channel,
                                   .source = creation->source,
                                   .root = PYRO_WORKSPACE_PATH,
                                   .destination = "",
                                   .baseline = creation->baseline,
                                   .memory = memory,
                                   .observer = creation->observer};
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_push_run(&push, &creation->seeded, &why) == 0) {
        let_clock_tick();
        return 0;
    }
    pyro_error_set(error, why.code, "cannot seed the workspace: %s", why.message);
    pyro_error_field(error, *why.field ? why.field : "seed_path");
    return pyro_error_hint(error, "%s", why.hint);
}

static int seed(struct creation *creation, struct pyro_error *error)
{
    cleanup_close int bundle =
        pyro_workspace_open_bundle(creation->context, creation->vm.record.vm_id, error);
    if (bundle < 0 || pyro_baseline_create(bundle, &creation->baseline, error) < 0)
        return -1;
    int r = creation->source ? send_seed(creation, error) : 0;
    return r == 0 ? pyro_baseline_finish(creation->baseline, error) : r;
}

static char *describe_seed(const struct creation *creation)
{
    cleanup_json json_t *description =
        json_pack("{s:s, s:s?, s:s, s:I, s:I, s:O*}", "mode",
                  creation->source ? pyro_tree_source_mode(creation->source) : "empty", "seed_path",
                  creation->seed_path, "destination", PYRO_WORKSPACE_PATH, "entry_count",
                  (json_int_t)creation->seeded.entry_count, "bytes_written",
                  (json_int_t)creation->seeded.bytes_written, "left_out",
                  creation->source ? pyro_tree_source_left_out(creation->source) : NULL);
    return description ? json_dumps(description, JSON_COMPACT) : NULL;
}

static int keep(struct creation *creation, struct pyro_error *error)
{
    cleanup_free char *seed_json = describe_seed(creation);
    if (!seed_json)
        return pyro_error_no_memory(error);
    return pyro_client_keep(creation->client, seed_json, creation->observer, error);
}

static int start(struct creation *creation, struct pyro_error *error)
{
    const struct pyro_new_vm *vm = &creation->vm;
    if (creation->client) /* a spare, which runs */
        return 0;
    if (pyro_new_vm_spawn(creation->context, vm, &creation->client, error) < 0)
        return -1;
    int r = pyro_client_wait_running(creation->client, creation->observer, error);
    pyro_template_report(&creation->context->home, &vm->template_,
                         pyro_client_boot_json(creation->client));
    return r;
}

static int make(struct creation *creation, struct pyro_error *error)
{
    int r = start(creation, error);
    if (r == 0)
        r = seed(creation, error);
    if (r == 0)
        r = keep(creation, error);
    if (r < 0 && creation->client)
        pyro_client_stop(creation->client, PYRO_STOP_AT_ONCE, NULL);
    pyro_client_destroy(creation->client);
    pyro_baseline_destroy(creation->baseline);
    return r;
}

static int answer(struct pyro_context *context, const char *vm_id, json_t **ret_result,
                  struct pyro_error *error)
{
    struct pyro_vm_record record;
    if (pyro_store_vm_get(context->store, vm_id, &record, error) < 0)
        return -1;
    *ret_result = pyro_workspace_to_json(context, &record, error);
    pyro_vm_record_finish(&record);
    return *ret_result ? 0 : -1;
}

static int create(struct creation *creation, const json_t *parameters, json_t **ret_result,
                  struct pyro_error *error)
{
    const struct pyro_new_vm_kind kind = {.one_shot = true,
                                          .is_workspace = true,
                                          .ttl_seconds =
                                              pyro_json_integer(parameters, "ttl_seconds", 0)};
    struct pyro_new_vm *vm = &creation->vm;
    if (!pyro_spare_take(creation->context, parameters, &kind, creation->observer, vm,
                         &creation->client) &&
        pyro_new_vm_make(creation->context, parameters, &kind, creation->observer, vm, error) < 0)
        return -1;
    int r = make(creation, error);
    close(steal_fd(&vm->lock));
    if (r < 0) /* the supervisor has cleaned up already, unless it died or never was */
        pyro_vm_remove(creation->context, vm->record.vm_id, NULL);
    else
        r = answer(creation->context, vm->record.vm_id, ret_result, error);
    pyro_new_vm_finish(vm);
    if (r == 0)
        pyro_spare_prepare(creation->context, parameters, &kind);
    return r;
}

PYRO_WORKSPACE_HANDLER(create)
{
    struct creation creation = {.context = context, .observer = observer};
    if (open_seed(&creation, parameters, error) < 0)
        return -1;
    int r = create(&creation, parameters, ret_result, error);
    pyro_tree_source_close(creation.source);
    return r;
}

PYRO_WORKSPACE_HANDLER(status)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    *ret_result = pyro_workspace_to_json(context, &record, error);
    pyro_vm_record_finish(&record);
    return *ret_result ? 0 : -1;
}

PYRO_WORKSPACE_HANDLER(delete)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    int r = pyro_vm_remove(context, record.vm_id, error);
    if (r == 0)
        *ret_result = json_pack("{s:s, s:b}", "workspace_id",
                                pyro_json_text(parameters, "workspace_id", ""), "deleted", 1);
    pyro_vm_record_finish(&record);
    return r == 0 && !*ret_result ? pyro_error_no_memory(error) : r;
}
