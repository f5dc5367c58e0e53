/* Handlers of the vm_* operations; vms_table.c describes them. */
#ifndef PYRO_OPERATION_VMS_H
#define PYRO_OPERATION_VMS_H

#include "operation/operation.h"

int pyro_vm_run_handler(struct pyro_context *context, const json_t *parameters,
                        const struct pyro_observer *observer, json_t **ret_result,
                        struct pyro_error *error);
int pyro_vm_create_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error);
int pyro_vm_start_handler(struct pyro_context *context, const json_t *parameters,
                          const struct pyro_observer *observer, json_t **ret_result,
                          struct pyro_error *error);
int pyro_vm_exec_handler(struct pyro_context *context, const json_t *parameters,
                         const struct pyro_observer *observer, json_t **ret_result,
                         struct pyro_error *error);
int pyro_vm_stop_handler(struct pyro_context *context, const json_t *parameters,
                         const struct pyro_observer *observer, json_t **ret_result,
                         struct pyro_error *error);
int pyro_vm_delete_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error);
int pyro_vm_status_handler(struct pyro_context *context, const json_t *parameters,
                           const struct pyro_observer *observer, json_t **ret_result,
                           struct pyro_error *error);
int pyro_vm_network_info_handler(struct pyro_context *context, const json_t *parameters,
                                 const struct pyro_observer *observer, json_t **ret_result,
                                 struct pyro_error *error);
int pyro_vm_reap_expired_handler(struct pyro_context *context, const json_t *parameters,
                                 const struct pyro_observer *observer, json_t **ret_result,
                                 struct pyro_error *error);

#endif
