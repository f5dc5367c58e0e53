/* workspace_export: files of a workspace onto the host. */
#include "base/json.h"
#include "base/text.h"
#include "operation/workspace_support.h"
#include "operation/workspaces.h"
#include "workspace/call.h"
#include "workspace/sink.h"

static int write_to_sink(void *userdata, const uint8_t *bytes, size_t size,
                         struct pyro_error *error)
{
    return pyro_tree_sink_write(userdata, bytes, size, error);
}

static int fetch_into(struct pyro_client *client, struct pyro_tree_sink *sink, const char *path,
                      const struct pyro_observer *observer, struct pyro_error *error)
{
    const char *const arguments[] = {"send", PYRO_WORKSPACE_PATH, path, NULL};
    const struct pyro_tree_call call = {
        .arguments = arguments, .userdata = sink, .output = write_to_sink};
    struct pyro_guest_channel guest;
    pyro_guest_channel_init(&guest, client, observer);
    struct pyro_error why = PYRO_ERROR_INIT;
    if (guest.channel.run(guest.channel.userdata, &call, &why) == 0)
        return 0;
    if (why.code == PYRO_ERROR_WORKSPACE_FAILED && !*why.field)
        pyro_error_field(&why, "path");
    if (error)
        *error = why;
    return -1;
}

static int export(struct pyro_context *context, struct pyro_client *client,
                  const json_t *parameters, const char *path, const struct pyro_observer *observer,
                  json_t **ret_result, struct pyro_error *error)
{
    struct pyro_tree_sink *sink;
    struct pyro_tree_export done = {0};
    const char *output_path = pyro_json_text(parameters, "output_path", "");
    if (pyro_tree_sink_open_held(context->host_fd, output_path,
                                 pyro_json_boolean(parameters, "force", false), &sink, error) < 0)
        return -1;
    int r = fetch_into(client, sink, path, observer, error);
    if (r == 0)
        r = pyro_tree_sink_finish(sink, &done, error);
    pyro_tree_sink_close(sink);
    if (r < 0)
        return r;
    cleanup_free char *whole = pyro_text_format(PYRO_WORKSPACE_PATH "%s%s", *path ? "/" : "", path);
    *ret_result =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "workspace_id",
                  pyro_json_text(parameters, "workspace_id", ""), "workspace_path",
                  whole ? whole : path, "output_path", output_path, "artifact_type",
                  done.artifact_type, "entry_count", (json_int_t)done.entry_count, "bytes_written",
                  (json_int_t)done.bytes_written, "skipped", done.skipped);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

PYRO_WORKSPACE_HANDLER(export)
{
    struct pyro_client *client;
    cleanup_free char *path =
        pyro_workspace_path(pyro_json_text(parameters, "path", ""), "path", error);
    if (!path || pyro_workspace_connect(context, parameters, &client, error) < 0)
        return -1;
    int r = export(context, client, parameters, path, observer, ret_result, error);
    pyro_client_destroy(client);
    return r;
}
