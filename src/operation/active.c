/* How many VMs may run at once, and which could go when that is not enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "operation/vm_support.h"
#include "operation/workspace_support.h"
#include "supervisor/bundle.h"

enum {
    MIB_EACH = 256, /* what a guest at work really uses, taken generously */
    LEAST = 4,
    NAMED = 5,
};

unsigned pyro_active_vms_most(const struct pyro_host *host)
{
    const char *set = getenv("PYRO_MAX_ACTIVE_VMS");
    long most = set ? strtol(set, NULL, 10) : 0;
    if (most >= 1 && most <= 1000000)
        return (unsigned)most;
    uint64_t fitting = (host->memory_bytes >> 20) / MIB_EACH;
    return (unsigned)MIN(MAX(fitting, (uint64_t)LEAST), (uint64_t)1000000);
}

static bool is_active(const struct pyro_vm_record *record)
{
    return record->one_shot || strcmp(record->state, "started") == 0;
}

int pyro_active_vms_check(struct pyro_store *store, unsigned most, struct pyro_error *error)
{
    struct pyro_vm_record *records;
    size_t count, active = 0;
    if (pyro_store_vm_list(store, &records, &count, error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        active += is_active(&records[i]);
    pyro_store_vms_free(records, count);
    if (active < most)
        return 0;
    pyro_error_set(error, PYRO_ERROR_TOO_MANY_VMS,
                   "cannot start another VM: %zu run already, the most that may is %u", active,
                   most);
    return pyro_active_vms_name(store, error);
}

/* When it was used last: a workspace's end moves with each use, other VMs were started once. */
static double last_use(struct pyro_store *store, const struct pyro_vm_record *record)
{
    double expires_at = record->expires_at;
    if (record->seed_json)
        pyro_workspace_expires_at(store, record, &expires_at, NULL);
    return expires_at - (double)record->ttl_seconds;
}

struct candidate {
    double used_at;
    char id[PYRO_VM_ID_SIZE];
};

static int earlier(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->used_at > y->used_at) - (x->used_at < y->used_at);
}

static size_t find_candidates(struct pyro_store *store, const struct pyro_vm_record *records,
                              size_t count, struct candidate *candidates)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_active(&records[i]) || records[i].one_shot)
            continue; /* a one-shot VM goes by itself */
        struct candidate *candidate = &candidates[found++];
        candidate->used_at = last_use(store, &records[i]);
        snprintf(candidate->id, sizeof(candidate->id), "%s", records[i].vm_id);
        if (records[i].seed_json)
            pyro_workspace_id_of(records[i].vm_id, candidate->id);
    }
    qsort(candidates, found, sizeof(*candidates), earlier);
    return found;
}

static int name(const struct candidate *candidates, size_t count, struct pyro_error *error)
{
    char names[NAMED * (PYRO_VM_ID_SIZE + 48)] = "";
    for (size_t i = 0; i < MIN(count, (size_t)NAMED); i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s (idle for %.0f s)", i ? ", " : "",
                 candidates[i].id, MAX(pyro_wall_seconds() - candidates[i].used_at, 0.0));
    }
    if (count == 0)
        return pyro_error_hint(error, "wait until one of the runs has ended, or raise "
                                      "PYRO_MAX_ACTIVE_VMS");
    return pyro_error_hint(error,
                           "delete what is not needed any more: %s; or raise "
                           "PYRO_MAX_ACTIVE_VMS",
                           names);
}

int pyro_active_vms_name(struct pyro_store *store, struct pyro_error *error)
{
    struct pyro_vm_record *records;
    size_t count;
    if (pyro_store_vm_list(store, &records, &count, NULL) < 0)
        return -1;
    cleanup_free struct candidate *candidates = calloc(count + 1, sizeof(*candidates));
    size_t found = candidates ? find_candidates(store, records, count, candidates) : 0;
    pyro_store_vms_free(records, count);
    return name(candidates, found, error);
}
