/* What the workspace_* handlers share: finding one, reaching its guest, its record as JSON. */
#ifndef PYRO_OPERATION_WORKSPACE_SUPPORT_H
#define PYRO_OPERATION_WORKSPACE_SUPPORT_H

#include "operation/operation.h"
#include "supervisor/client.h"
#include "workspace/source.h"

#define PYRO_WORKSPACE_PATH "/workspace"

/* The VM that `workspace_id` of the parameters stands for; no more than its form is looked at.
 * PYRO_ERROR_UNKNOWN_WORKSPACE. */
int pyro_workspace_vm(const json_t *parameters, char ret_vm_id[PYRO_VM_ID_SIZE],
                      struct pyro_error *error);

/* Its row, after bringing the store in line with what lives. PYRO_ERROR_UNKNOWN_WORKSPACE. */
int pyro_workspace_find(struct pyro_context *context, const json_t *parameters,
                        struct pyro_vm_record *ret_record, struct pyro_error *error);

/* A connection to its guest, which must run: PYRO_ERROR_WRONG_STATE says why it does not and how to
 * start it again. */
int pyro_workspace_connect(struct pyro_context *context, const json_t *parameters,
                           struct pyro_client **ret_client, struct pyro_error *error);

/* The same, and a guest that does not run is started again from its disk. `ret_restarted` is then
 * why that was needed, to be freed; else NULL. */
int pyro_workspace_connect_or_restart(struct pyro_context *context, const json_t *parameters,
                                      const struct pyro_observer *observer,
                                      struct pyro_client **ret_client, char **ret_restarted,
                                      struct pyro_error *error);

/* The record of the contract. A new reference, or NULL and an error. */
json_t *pyro_workspace_to_json(struct pyro_context *context, const struct pyro_vm_record *record,
                               struct pyro_error *error);

/* When its time is over: the row knows the last use that left no command behind. */
int pyro_workspace_expires_at(struct pyro_store *store, const struct pyro_vm_record *record,
                              double *ret_expires_at, struct pyro_error *error);

/* A path under /workspace as the user writes it, absolute or relative to /workspace, made relative
 * and safe: "" is /workspace itself. To be freed; NULL and PYRO_ERROR_INVALID_PARAMETER with
 * `field` when it leads elsewhere. */
char *pyro_workspace_path(const char *path, const char *field, struct pyro_error *error);

/* The source that is called `path`: what the front has opened for it, or what is there. */
int pyro_workspace_open_source(const struct pyro_context *context, const char *path,
                               const char *field, struct pyro_tree_source **ret_source,
                               struct pyro_error *error);

/* Files of the bundle. A descriptor, or -1 and an error. */
int pyro_workspace_open_bundle(struct pyro_context *context, const char *vm_id,
                               struct pyro_error *error);

/* Its guest's memory, which is a file of the bundle; -1 when it cannot be opened. */
int pyro_workspace_open_memory(const struct pyro_context *context, const char *vm_id);

#endif
