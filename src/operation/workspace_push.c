/* workspace_sync_push: files of the host into a workspace that is in use. */
#include "base/json.h"
#include "base/text.h"
#include "operation/workspace_support.h"
#include "operation/workspaces.h"
#include "workspace/call.h"
#include "workspace/push.h"

static int push_into(struct pyro_client *client, int memory, struct pyro_tree_source *source,
                     const char *destination, const struct pyro_observer *observer,
                     struct pyro_push_report *ret_report, struct pyro_error *error)
{
    struct pyro_guest_channel guest;
    pyro_guest_channel_init(&guest, client, observer);
    const struct pyro_push push = {.channel = &guest.channel,
                                   .source = source,
                                   .root = PYRO_WORKSPACE_PATH,
                                   .destination = destination,
                                   .memory = memory,
                                   .observer = observer};
    return pyro_push_run(&push, ret_report, error);
}

static json_t *push_result(const json_t *parameters, struct pyro_client *client,
                           const struct pyro_tree_source *source, const char *destination,
                           const struct pyro_push_report *report)
{
    cleanup_json json_t *boot = json_loads(pyro_client_boot_json(client), 0, NULL);
    const json_t *about = json_object_get(boot, "about");
    cleanup_free char *whole =
        pyro_text_format(PYRO_WORKSPACE_PATH "%s%s", *destination ? "/" : "", destination);
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:I, s:I, s:O*}}", "workspace_id",
                     pyro_json_text(parameters, "workspace_id", ""), "execution_mode",
                     pyro_json_text(about, "execution_mode", "guest"), "workspace_sync", "mode",
                     pyro_tree_source_mode(source), "source_path",
                     pyro_json_text(parameters, "source_path", ""), "destination",
                     whole ? whole : destination, "entry_count", (json_int_t)report->entry_count,
                     "bytes_written", (json_int_t)report->bytes_written, "left_out",
                     pyro_tree_source_left_out(source));
}

static int push(struct pyro_context *context, const json_t *parameters, const char *destination,
                const struct pyro_observer *observer, json_t **ret_result, struct pyro_error *error)
{
    struct pyro_tree_source *source;
    struct pyro_client *client;
    struct pyro_push_report report;
    if (pyro_workspace_connect(context, parameters, &client, error) < 0)
        return -1;
    int r = pyro_workspace_open_source(context, pyro_json_text(parameters, "source_path", ""),
                                       "source_path", &source, error);
    if (r == 0) {
        char vm_id[PYRO_VM_ID_SIZE] = "";
        pyro_workspace_vm(parameters, vm_id, NULL);
        cleanup_close int memory = pyro_workspace_open_memory(context, vm_id);
        r = push_into(client, memory, source, destination, observer, &report, error);
        if (r == 0)
            *ret_result = push_result(parameters, client, source, destination, &report);
        pyro_tree_source_close(source);
    }
    pyro_client_destroy(client);
    return r == 0 && !*ret_result ? pyro_error_no_memory(error) : r;
}

PYRO_WORKSPACE_HANDLER(sync_push)
{
    cleanup_free char *destination =
        pyro_workspace_path(pyro_json_text(parameters, "dest", ""), "dest", error);
    return destination ? push(context, parameters, destination, observer, ret_result, error) : -1;
}
