#include "operation/workspace_support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "operation/session_support.h"
#include "operation/vm_support.h"
#include "supervisor/bundle.h"
#include "wire/tree.h"

static int fail_unknown(const char *workspace_id, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_UNKNOWN_WORKSPACE, "no workspace has the id '%.80s'",
                   workspace_id);
    pyro_error_field(error, "workspace_id");
    return pyro_error_hint(error, "it may have been deleted; `pyro workspace create` makes a new "
                                  "one and tells its id");
}

int pyro_workspace_vm(const json_t *parameters, char ret_vm_id[PYRO_VM_ID_SIZE],
                      struct pyro_error *error)
{
    const char *id = pyro_json_text(parameters, "workspace_id", "");
    return pyro_workspace_vm_id(id, ret_vm_id) ? 0 : fail_unknown(id, error);
}

int pyro_workspace_find(struct pyro_context *context, const json_t *parameters,
                        struct pyro_vm_record *ret_record, struct pyro_error *error)
{
    struct pyro_store *store;
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_workspace_vm(parameters, vm_id, error) < 0 ||
        pyro_context_store(context, &store, error) < 0 ||
        pyro_bundle_reconcile(&context->home, store, error) < 0)
        return -1;
    int r = pyro_store_vm_get(store, vm_id, ret_record, &why);
    if (r == 0 && ret_record->seed_json)
        return 0;
    if (r == 0)
        pyro_vm_record_finish(ret_record);
    if (r == 0 || why.code == PYRO_ERROR_UNKNOWN_VM)
        return fail_unknown(pyro_json_text(parameters, "workspace_id", ""), error);
    if (error)
        *error = why;
    return -1;
}

static int fail_not_running(const struct pyro_vm_record *record, struct pyro_error *error)
{
    char id[PYRO_VM_ID_SIZE];
    pyro_workspace_id_of(record->vm_id, id);
    pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "the workspace %s does not run: it is %s%s%s", id,
                   record->state, record->failure ? ", " : "",
                   record->failure ? record->failure : "");
    pyro_error_field(error, "workspace_id");
    return pyro_error_hint(
        error, "any command by `pyro workspace exec %s` starts it again from its disk", id);
}

int pyro_workspace_connect(struct pyro_context *context, const json_t *parameters,
                           struct pyro_client **ret_client, struct pyro_error *error)
{
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_vm_record record;
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_workspace_vm(parameters, vm_id, error) < 0 ||
        pyro_home_create(&context->home, error) < 0)
        return -1;
    if (pyro_client_connect(&context->home, vm_id, ret_client, &why) == 0)
        return 0;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    if (strcmp(record.state, "started") != 0)
        fail_not_running(&record, error);
    else if (error)
        *error = why;
    pyro_vm_record_finish(&record);
    return -1;
}

/* Somebody else may be starting it at the same time: then it can be reached in a moment. */
static int restart(struct pyro_context *context, const json_t *parameters,
                   const struct pyro_observer *observer, char **ret_reason,
                   struct pyro_error *error)
{
    struct pyro_vm_record record;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    int r = 0;
    if (strcmp(record.state, "started") != 0) {
        r = pyro_vm_start_guest(context, &record, observer, error);
        if (r == 0 && !*ret_reason)
            *ret_reason = strdup(record.failure ? record.failure : "it was stopped");
    }
    pyro_vm_record_finish(&record);
    return r;
}

int pyro_workspace_connect_or_restart(struct pyro_context *context, const json_t *parameters,
                                      const struct pyro_observer *observer,
                                      struct pyro_client **ret_client, char **ret_restarted,
                                      struct pyro_error *error)
{
    enum { PATIENCE_MS = 60 * 1000, STEP_MS = 20 };
    char vm_id[PYRO_VM_ID_SIZE];
    struct pyro_error why = PYRO_ERROR_INIT;
    uint64_t deadline = pyro_now_ms() + PATIENCE_MS;
    *ret_restarted = NULL;
    if (pyro_workspace_vm(parameters, vm_id, error) < 0 ||
        pyro_home_create(&context->home, error) < 0)
        return -1;
    for (;;) {
        if (pyro_client_connect(&context->home, vm_id, ret_client, NULL) == 0)
            return 0;
        int r = restart(context, parameters, observer, ret_restarted, &why);
        if (r < 0 && (why.code != PYRO_ERROR_WRONG_STATE || pyro_now_ms() >= deadline)) {
            free(steal_pointer(ret_restarted));
            if (error)
                *error = why;
            return -1;
        }
        usleep(r < 0 ? STEP_MS * 1000 : 0);
    }
}

int pyro_workspace_expires_at(struct pyro_store *store, const struct pyro_vm_record *record,
                              double *ret_expires_at, struct pyro_error *error)
{
    struct pyro_command_record *last;
    size_t count;
    if (pyro_store_command_list(store, record->vm_id, 1, &last, &count, error) < 0)
        return -1;
    double used = 0;
    if (count > 0)
        used = strcmp(last->state, "running") == 0 ? pyro_wall_seconds()
                                                   : last->started_at + last->duration_ms / 1000;
    *ret_expires_at = MAX(record->expires_at, used + (double)record->ttl_seconds);
    pyro_store_commands_free(last, count);
    return 0;
}

static json_t *last_command(struct pyro_store *store, const char *vm_id, struct pyro_error *error)
{
    struct pyro_command_record *last;
    size_t count;
    if (pyro_store_command_list(store, vm_id, 1, &last, &count, error) < 0)
        return NULL;
    json_t *object =
        count == 0 ? json_null()
                   : json_pack("{s:s, s:o, s:I}", "command", last->command, "exit_code",
                               last->has_exit_code ? json_integer(last->exit_code) : json_null(),
                               "sequence", (json_int_t)last->sequence);
    pyro_store_commands_free(last, count);
    if (!object)
        pyro_error_no_memory(error);
    return object;
}

/* Counts of its services and shells, as members of its record. */
static json_t *sessions(const struct pyro_context *context, const struct pyro_vm_record *record,
                        const char *id)
{
    bool is_live = strcmp(record->state, "started") == 0;
    cleanup_json json_t *services =
        pyro_sessions_to_json(context, record->vm_id, id, PYRO_SESSION_SERVICE, is_live);
    cleanup_json json_t *shells =
        pyro_sessions_to_json(context, record->vm_id, id, PYRO_SESSION_SHELL, is_live);
    cleanup_json json_t *open = json_array();
    size_t index;
    json_t *shell;
    json_array_foreach(shells, index, shell)
    {
        if (strcmp(pyro_json_text(shell, "state", ""), "running") == 0)
            json_array_append(open, json_object_get(shell, "shell_id"));
    }
    return json_pack("{s:i, s:i, s:i, s:O}", "service_count", (int)json_array_size(services),
                     "running_service_count", pyro_sessions_count_running(services), "shell_count",
                     (int)json_array_size(shells), "running_shell_ids", open);
}

json_t *pyro_workspace_to_json(struct pyro_context *context, const struct pyro_vm_record *record,
                               struct pyro_error *error)
{
    char id[PYRO_VM_ID_SIZE];
    int64_t count;
    double expires_at;
    struct pyro_store *store = context->store;
    if (pyro_store_command_count(store, record->vm_id, &count, error) < 0 ||
        pyro_workspace_expires_at(store, record, &expires_at, error) < 0)
        return NULL;
    cleanup_json json_t *last = last_command(store, record->vm_id, error);
    if (!last)
        return NULL;
    cleanup_json json_t *vm = pyro_vm_record_to_json(record);
    cleanup_json json_t *seed = json_loads(record->seed_json, 0, NULL);
    pyro_workspace_id_of(record->vm_id, id);
    json_t *object =
        json_pack("{s:s, s:s}", "workspace_id", id, "workspace_path", PYRO_WORKSPACE_PATH);
    cleanup_json json_t *own = json_pack("{s:f, s:O?, s:I, s:O, s:s?}", "expires_at", expires_at,
                                         "workspace_seed", seed, "command_count", (json_int_t)count,
                                         "last_command", last, "failure", record->failure);
    cleanup_json json_t *others = sessions(context, record, id);
    if (object && vm && own && others && json_object_update(own, others) == 0 &&
        json_object_update(object, vm) == 0 && json_object_update(object, own) == 0)
        return object;
    json_decref(object);
    pyro_error_no_memory(error);
    return NULL;
}

static const char *skip_slashes(const char *path)
{
    return path + strspn(path, "/");
}

/* Below "/workspace", or NULL when an absolute path is elsewhere. */
static const char *below_workspace(const char *path)
{
    if (*path != '/')
        return path;
    path = skip_slashes(path);
    size_t length = strlen(PYRO_WORKSPACE_PATH) - 1;
    if (strncmp(path, &PYRO_WORKSPACE_PATH[1], length) != 0 ||
        (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return skip_slashes(path + length);
}

/* Takes out what means nothing: "." and doubled slashes. */
static char *simplify(const char *path)
{
    char *simple = malloc(strlen(path) + 1), *at = simple;
    while (simple && *path) {
        size_t length = strcspn(path, "/");
        if (length > 0 && !(length == 1 && *path == '.')) {
            if (at != simple)
                *at++ = '/';
            at = mempcpy(at, path, length);
        }
        path = skip_slashes(path + length);
    }
    if (simple)
        *at = '\0';
    return simple;
}

char *pyro_workspace_path(const char *path, const char *field, struct pyro_error *error)
{
    const char *below = below_workspace(path);
    cleanup_free char *simple = below ? simplify(below) : NULL;
    if (below && !simple) {
        pyro_error_no_memory(error);
        return NULL;
    }
    if (simple && *path && pyro_tree_path_is_safe(simple))
        return steal_pointer(&simple);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "%s must be a path under " PYRO_WORKSPACE_PATH ", not '%.200s'", field, path);
    pyro_error_field(error, field);
    pyro_error_hint(error, "write it as " PYRO_WORKSPACE_PATH "/DIRECTORY/FILE, or relative to "
                           "" PYRO_WORKSPACE_PATH "; without \"..\"");
    return NULL;
}

int pyro_workspace_open_source(const struct pyro_context *context, const char *path,
                               const char *field, struct pyro_tree_source **ret_source,
                               struct pyro_error *error)
{
    if (context->host_fd < 0)
        return pyro_tree_source_open(&context->home, path, field, ret_source, error);
    if (pyro_tree_source_open_held(&context->home, context->host_fd, path, field, ret_source,
                                   error) < 0)
        return -1;
    pyro_tree_source_leave_out(*ret_source, context->host_left_out);
    return 0;
}

int pyro_workspace_open_bundle(struct pyro_context *context, const char *vm_id,
                               struct pyro_error *error)
{
    int directory;
    return pyro_bundle_open(&context->home, vm_id, &directory, error) < 0 ? -1 : directory;
}

int pyro_workspace_open_memory(const struct pyro_context *context, const char *vm_id)
{
    cleanup_free char *path = pyro_text_format("%s/vms/%s/ram", context->home.path, vm_id);
    return path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
}
