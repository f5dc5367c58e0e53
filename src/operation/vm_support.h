/* What the vm_* handlers share: making a VM ready, finding one, its record as JSON. */
#ifndef PYRO_OPERATION_VM_SUPPORT_H
#define PYRO_OPERATION_VM_SUPPORT_H

#include "operation/operation.h"
#include "supervisor/client.h"
#include "template/template.h"
#include "wire/message.h"

/* A VM that was just made: row written, bundle filled, lock held. Its supervisor does not run yet.
 */
struct pyro_new_vm {
    struct pyro_vm_record record;
    int lock;                       /* of the bundle */
    int environment_lock;           /* keeps prune away from the environment */
    struct pyro_template template_; /* what it starts from, if there is any */
};

/* The shape of its guest. */
struct pyro_shape pyro_vm_shape(const struct pyro_vm_record *record);

struct pyro_new_vm_kind {
    bool one_shot;    /* goes with its client */
    bool host_compat; /* do not even try a guest: one was tried before */
    bool is_workspace;
    int64_t ttl_seconds;
};

/* Checks host and memory, pulls the environment when it is not installed, makes bundle and row.
 * `parameters` are those of vm_create or vm_run. Falls back to host_compat when no guest is to be
 * had and the parameters allow it. On failure nothing is left. */
int pyro_new_vm_make(struct pyro_context *context, const json_t *parameters,
                     const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                     struct pyro_new_vm *ret_vm, struct pyro_error *error);

/* True for errors after which host compat is the way out that allow_host_compat speaks of. */
bool pyro_error_means_no_guest(const struct pyro_error *error);

/* Closes the locks and frees the record; the VM itself stays. */
void pyro_new_vm_finish(struct pyro_new_vm *vm);

/* The row of `vm_id` after bringing the store in line with what lives. PYRO_ERROR_UNKNOWN_VM. */
int pyro_vm_find(struct pyro_context *context, const json_t *parameters,
                 struct pyro_vm_record *ret_record, struct pyro_error *error);

/* Takes away all of a VM: ends it if it runs, then directory and row. PYRO_ERROR_WRONG_STATE while
 * somebody holds its lock and cannot be told to end; so the caller must not hold it. */
int pyro_vm_remove(struct pyro_context *context, const char *vm_id, struct pyro_error *error);

/* The record of the contract. A new reference, NULL when out of memory. */
json_t *pyro_vm_record_to_json(const struct pyro_vm_record *record);

/* Starts the guest of a VM that was created, stopped or failed, and returns when it runs. */
int pyro_vm_start_guest(struct pyro_context *context, const struct pyro_vm_record *record,
                        const struct pyro_observer *observer, struct pyro_error *error);

/* How many VMs may run at once: $PYRO_MAX_ACTIVE_VMS, else as many as the host has 256 MiB of
 * memory for. */
unsigned pyro_active_vms_most(const struct pyro_host *host);
/* PYRO_ERROR_TOO_MANY_VMS when no more may be started. */
int pyro_active_vms_check(struct pyro_store *store, unsigned most, struct pyro_error *error);
/* Names the ones that could go in an error that says there are too many. Returns -1. */
int pyro_active_vms_name(struct pyro_store *store, struct pyro_error *error);

/* The same for a wish that the VM of a workspace does not grant (PYRO_ERROR_WRONG_STATE): `wish` is
 * a verb, `instead` the operation to use. */
int pyro_vm_find_free(struct pyro_context *context, const json_t *parameters, const char *wish,
                      const char *instead, struct pyro_vm_record *ret_record,
                      struct pyro_error *error);

/* Starts its supervisor, which takes the locks over. */
int pyro_new_vm_spawn(struct pyro_context *context, const struct pyro_new_vm *vm,
                      struct pyro_client **ret_client, struct pyro_error *error);

bool pyro_vm_is_host_compat(const struct pyro_vm_record *record);

#endif
