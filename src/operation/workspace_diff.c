/* workspace_diff: what changed, now or when the guest was last asked. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "operation/workspace_support.h"
#include "operation/workspaces.h"
#include "workspace/call.h"
#include "workspace/diff.h"

enum { DIFF_BYTES_MAX = 512 * 1024 * 1024 }; /* of diff.json */

/* The patch byte for byte, for whoever wants to pass it on. */
static int pass_patch(const struct pyro_observer *observer, const void *bytes, size_t size,
                      struct pyro_error *error)
{
    if (!observer || !observer->output || size == 0 ||
        observer->output(observer->userdata, PYRO_STDOUT, bytes, size) == 0)
        return 0;
    return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
}

/* So that it can be read when the guest is gone. It is no failure that it cannot be kept. */
static void keep_diff(int bundle, const json_t *result)
{
    pyro_json_file_replace_at(bundle, "diff.json", result, 0);
}

static int diff_now(struct pyro_client *client, int bundle, const struct pyro_observer *observer,
                    const json_t *parameters, json_t **ret_result, struct pyro_error *error)
{
    struct pyro_guest_channel guest;
    struct pyro_buffer patch;
    pyro_guest_channel_init(&guest, client, observer);
    if (pyro_diff_make(&guest.channel, PYRO_WORKSPACE_PATH, bundle, ret_result, &patch, error) < 0)
        return -1;
    json_object_set_new(*ret_result, "workspace_id",
                        json_string(pyro_json_text(parameters, "workspace_id", "")));
    json_object_set_new(*ret_result, "made_at", json_real(pyro_wall_seconds()));
    json_object_set_new(*ret_result, "is_current", json_true());
    keep_diff(bundle, *ret_result);
    int r = pass_patch(observer, pyro_buffer_data(&patch), patch.size, error);
    pyro_buffer_finish(&patch);
    return r;
}

/* The guest is gone: what the last diff found is still true of then. */
static int diff_of_then(int bundle, const struct pyro_observer *observer, json_t **ret_result,
                        const struct pyro_error *why, struct pyro_error *error)
{
    int r;
    json_t *kept = pyro_json_file_read_at(bundle, "diff.json", DIFF_BYTES_MAX, &r);
    if (!kept) {
        pyro_error_set(error, why->code, "%s; and no diff was made while it ran", why->message);
        pyro_error_field(error, why->field);
        return pyro_error_hint(error, "%s", why->hint);
    }
    const struct pyro_progress notice = {
        .operation = PYRO_PROGRESS_NOTICE, .phase = "not current", .message = why->message};
    json_object_set_new(kept, "is_current", json_false());
    *ret_result = kept;
    if (observer && observer->progress)
        observer->progress(observer->userdata, &notice);
    const char *patch = pyro_json_text(kept, "patch", "");
    return pass_patch(observer, patch, strlen(patch), error);
}

PYRO_WORKSPACE_HANDLER(diff)
{
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_client *client;
    struct pyro_error why = PYRO_ERROR_INIT;
    int r = pyro_workspace_connect(context, parameters, &client, &why);
    if (r < 0 && why.code != PYRO_ERROR_WRONG_STATE) {
        if (error)
            *error = why;
        return -1;
    }
    pyro_workspace_vm(parameters, vm_id, error);
    cleanup_close int bundle = pyro_workspace_open_bundle(context, vm_id, error);
    if (r < 0)
        return bundle < 0 ? -1 : diff_of_then(bundle, observer, ret_result, &why, error);
    r = bundle < 0 ? -1 : diff_now(client, bundle, observer, parameters, ret_result, error);
    pyro_client_destroy(client);
    return r;
}
