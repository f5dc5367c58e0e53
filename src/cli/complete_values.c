/* Values for completion. They are looked at as they lie there: no VM is locked, nothing is repaired
 * or made anew, and what cannot be read is not offered. */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/complete.h"
#include "environment/environment.h"
#include "store/store.h"
#include "supervisor/bundle.h"
#include "supervisor/session_record.h"

static void offer_environments(const struct cli_completion *completion)
{
    for (const struct pyro_environment *const *at = pyro_catalog; *at; at++)
        cli_completion_offer(completion, (*at)->name, (*at)->description);
}

/* The home, when there is one. Follow with pyro_home_finish(). */
static bool open_home(struct pyro_home *home)
{
    if (pyro_home_init(home, NULL, NULL, NULL) < 0)
        return false;
    cleanup_free char *store = pyro_text_format("%s/store.sqlite", home->path);
    return store && access(store, R_OK) == 0 && pyro_home_create(home, NULL) == 0;
}

static void offer_rows(const struct cli_completion *completion, struct pyro_store *store)
{
    struct pyro_vm_record *records;
    size_t count;
    if (pyro_store_vm_list(store, &records, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct pyro_vm_record *record = &records[i];
        char id[PYRO_VM_ID_SIZE];
        pyro_workspace_id_of(record->vm_id, id);
        cleanup_free char *meaning = pyro_text_format("%s, %s", record->environment, record->state);
        if (record->seed_json && meaning)
            cli_completion_offer(completion, id, meaning);
    }
    pyro_store_vms_free(records, count);
}

static void offer_workspaces(const struct cli_completion *completion)
{
    struct pyro_home home;
    struct pyro_store *store = NULL;
    if (open_home(&home) && pyro_store_open(home.path, &store, NULL) == 0)
        offer_rows(completion, store);
    pyro_store_close(store);
    pyro_home_finish(&home);
}

static void offer_sessions(const struct cli_completion *completion, enum pyro_session_kind kind)
{
    struct pyro_home home;
    char vm_id[PYRO_VM_ID_SIZE];
    cleanup_close int bundle = -1;
    const char *meaning = kind == PYRO_SESSION_SHELL ? "a shell" : "a service";
    if (!completion->workspace_id || !pyro_workspace_vm_id(completion->workspace_id, vm_id))
        return;
    if (open_home(&home) && pyro_bundle_open(&home, vm_id, &bundle, NULL) == 0) {
        cleanup_json json_t *names = pyro_session_list(bundle, kind);
        json_t *name;
        size_t index;
        json_array_foreach(names, index, name)
        {
            cli_completion_offer(completion, json_string_value(name), meaning);
        }
    }
    pyro_home_finish(&home);
}

static void offer_services(const struct cli_completion *completion)
{
    offer_sessions(completion, PYRO_SESSION_SERVICE);
}

static void offer_shells(const struct cli_completion *completion)
{
    offer_sessions(completion, PYRO_SESSION_SHELL);
}

static void offer_files(const struct cli_completion *completion)
{
    fputs(":files\n", completion->file);
}

/* By the names that all operations use. */
static const struct {
    const char *parameter;
    void (*offer)(const struct cli_completion *completion);
} sources[] = {
    {"environment", offer_environments}, {"workspace_id", offer_workspaces},
    {"service_name", offer_services},    {"shell_id", offer_shells},
    {"allow_path", offer_files},         {"token_file", offer_files},
};

void cli_completion_offer_values(const struct cli_completion *completion,
                                 const struct pyro_parameter *parameter)
{
    for (const char *const *choice = parameter->choices; choice && *choice; choice++)
        cli_completion_offer(completion, *choice, parameter->help);
    if (parameter->host_path != PYRO_NO_HOST_PATH)
        offer_files(completion);
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        if (strcmp(sources[i].parameter, parameter->name) == 0)
            sources[i].offer(completion);
    }
}
