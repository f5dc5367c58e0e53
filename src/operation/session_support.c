#include "operation/session_support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/table.h"
#include "operation/workspace_support.h"
#include "supervisor/bundle.h"

static const char *const name_parameters[] = {
    [PYRO_SESSION_SERVICE] = "service_name", [PYRO_SESSION_SHELL] = "shell_id"};

static int fail_unknown(const struct pyro_session *session, struct pyro_error *error)
{
    const char *workspace_id = session->workspace_id;
    bool is_service = session->kind == PYRO_SESSION_SERVICE;
    pyro_error_set(error, is_service ? PYRO_ERROR_UNKNOWN_SERVICE : PYRO_ERROR_UNKNOWN_SHELL,
                   "the workspace %s has no %s '%.80s'", workspace_id,
                   is_service ? "service" : "shell", session->name);
    pyro_error_field(error, name_parameters[session->kind]);
    return pyro_error_hint(error,
                           is_service ? "`pyro workspace service list %s` shows those it has"
                                      : "`pyro workspace status %s` shows those that are open",
                           workspace_id);
}

/* The bundle tells most of the time; only a workspace that is not there needs the store. */
static int open_bundle(struct pyro_context *context, const json_t *parameters, const char *vm_id,
                       struct pyro_error *error)
{
    struct pyro_vm_record record;
    int directory;
    if (pyro_bundle_open(&context->home, vm_id, &directory, NULL) == 0)
        return directory;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    pyro_vm_record_finish(&record);
    return pyro_bundle_open(&context->home, vm_id, &directory, error) < 0 ? -1 : directory;
}

static int read_record(struct pyro_session *session, struct pyro_error *error)
{
    int r = 0;
    json_t *record = pyro_session_read(session->directory, &r);
    if (r == -ENOENT && session->record) { /* it was never started, after all */
        pyro_session_lose(session->record);
        return 0;
    }
    if (r == -ENOENT) /* it is being made, or was refused */
        return fail_unknown(session, error);
    if (!record)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot read the record of %s",
                                    session->name);
    json_decref(session->record);
    session->record = record;
    return 0;
}

int pyro_session_refresh(const struct pyro_context *context, struct pyro_session *session,
                         struct pyro_error *error)
{
    if (read_record(session, error) < 0)
        return -1;
    if (!pyro_session_is_running(session->record) ||
        pyro_bundle_is_live(&context->home, session->vm_id))
        return 0;
    /* Its end may have been written down after we looked. */
    if (read_record(session, error) < 0)
        return -1;
    if (pyro_session_is_running(session->record))
        pyro_session_lose(session->record);
    return 0;
}

int pyro_session_find(struct pyro_context *context, const json_t *parameters,
                      enum pyro_session_kind kind, struct pyro_session *ret_session,
                      struct pyro_error *error)
{
    *ret_session =
        (struct pyro_session){.kind = kind,
                              .workspace_id = pyro_json_text(parameters, "workspace_id", ""),
                              .name = pyro_json_text(parameters, name_parameters[kind], ""),
                              .directory = -1};
    if (pyro_workspace_vm(parameters, ret_session->vm_id, error) < 0 ||
        pyro_home_create(&context->home, error) < 0)
        return -1;
    cleanup_close int bundle = open_bundle(context, parameters, ret_session->vm_id, error);
    if (bundle < 0)
        return -1;
    ret_session->directory = pyro_session_open(bundle, kind, ret_session->name, false);
    if (ret_session->directory == -ENOENT)
        return fail_unknown(ret_session, error);
    if (ret_session->directory < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, ret_session->directory,
                                    "cannot open what is kept of %s", ret_session->name);
    return pyro_session_refresh(context, ret_session, error);
}

void pyro_session_finish(struct pyro_session *session)
{
    if (session->directory >= 0)
        close(steal_fd(&session->directory));
    json_decref(steal_pointer(&session->record));
}

/* What the contract says of one stands in the description of the operation that returns just that.
 */
static json_t *to_json(enum pyro_session_kind kind, const char *workspace_id, const char *name,
                       const json_t *record)
{
    const struct pyro_field *field = kind == PYRO_SESSION_SERVICE
                                         ? pyro_service_status_operation.result
                                         : pyro_shell_open_operation.result;
    json_t *result = json_object();
    for (; result && field->name; field++) {
        json_t *value = json_object_get(record, field->name);
        json_object_set_new(result, field->name, value ? json_incref(value) : json_null());
    }
    json_object_set_new(result, "workspace_id", json_string(workspace_id));
    json_object_set_new(result, name_parameters[kind], json_string(name));
    return result;
}

int pyro_session_result(enum pyro_session_kind kind, const json_t *parameters, const json_t *record,
                        json_t *more, json_t **ret_result, struct pyro_error *error)
{
    cleanup_json json_t *taken = more;
    const char *name = pyro_json_text(parameters, name_parameters[kind], NULL);
    if (!name) /* a new shell has its name from the supervisor */
        name = pyro_json_text(record, name_parameters[kind], "");
    cleanup_json json_t *result =
        to_json(kind, pyro_json_text(parameters, "workspace_id", ""), name, record);
    if (!result || (taken && json_object_update(result, taken) < 0))
        return pyro_error_no_memory(error);
    *ret_result = steal_pointer(&result);
    return 0;
}

json_t *pyro_sessions_to_json(const struct pyro_context *context, const char *vm_id,
                              const char *workspace_id, enum pyro_session_kind kind, bool is_live)
{
    cleanup_close int bundle = -1;
    if (pyro_bundle_open(&context->home, vm_id, &bundle, NULL) < 0)
        return json_array();
    cleanup_json json_t *names = pyro_session_list(bundle, kind);
    json_t *list = names ? json_array() : NULL, *name;
    size_t index;
    json_array_foreach(names, index, name)
    {
        int r;
        const char *text = json_string_value(name);
        cleanup_close int directory = pyro_session_open(bundle, kind, text, false);
        cleanup_json json_t *record = directory < 0 ? NULL : pyro_session_read(directory, &r);
        if (!record) /* it is being made, or was refused */
            continue;
        if (!is_live && pyro_session_is_running(record))
            pyro_session_lose(record);
        json_array_append_new(list, to_json(kind, workspace_id, text, record));
    }
    return list;
}

int pyro_sessions_count_running(const json_t *records)
{
    size_t index;
    const json_t *record;
    int count = 0;
    json_array_foreach((json_t *)records, index, record) count +=
        strcmp(pyro_json_text(record, "state", ""), "running") == 0;
    return count;
}

char *pyro_guest_directory(const char *path)
{
    return *path == '/' ? strdup(path) : pyro_text_format(PYRO_WORKSPACE_PATH "/%s", path);
}
