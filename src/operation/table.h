/* Inside the operation room: every operation, each defined in its family's file. */
#ifndef PYRO_OPERATION_TABLE_H
#define PYRO_OPERATION_TABLE_H

#include "operation/operation.h"

/* environments.c */
extern const struct pyro_operation pyro_env_list_operation;
extern const struct pyro_operation pyro_env_pull_operation;
extern const struct pyro_operation pyro_env_inspect_operation;
extern const struct pyro_operation pyro_env_prune_operation;

/* doctor.c */
extern const struct pyro_operation pyro_doctor_operation;

/* vms_table.c; the handlers are in vms.c */
extern const struct pyro_operation pyro_vm_run_operation;
extern const struct pyro_operation pyro_vm_create_operation;
extern const struct pyro_operation pyro_vm_start_operation;
extern const struct pyro_operation pyro_vm_exec_operation;
extern const struct pyro_operation pyro_vm_stop_operation;
extern const struct pyro_operation pyro_vm_delete_operation;
extern const struct pyro_operation pyro_vm_status_operation;
extern const struct pyro_operation pyro_vm_network_info_operation;
extern const struct pyro_operation pyro_vm_reap_expired_operation;

/* workspaces_table.c; the handlers are in workspaces.c and workspace_*.c */
extern const struct pyro_operation pyro_workspace_create_operation;
extern const struct pyro_operation pyro_workspace_sync_push_operation;
extern const struct pyro_operation pyro_workspace_exec_operation;
extern const struct pyro_operation pyro_workspace_export_operation;
extern const struct pyro_operation pyro_workspace_diff_operation;
extern const struct pyro_operation pyro_workspace_status_operation;
extern const struct pyro_operation pyro_workspace_logs_operation;
extern const struct pyro_operation pyro_workspace_delete_operation;

/* services_table.c; the handlers are in services.c and service_logs.c */
extern const struct pyro_operation pyro_service_start_operation;
extern const struct pyro_operation pyro_service_list_operation;
extern const struct pyro_operation pyro_service_status_operation;
extern const struct pyro_operation pyro_service_logs_operation;
extern const struct pyro_operation pyro_service_stop_operation;

/* shells_table.c; the handlers are in shells.c and shell_read.c */
extern const struct pyro_operation pyro_shell_open_operation;
extern const struct pyro_operation pyro_shell_read_operation;
extern const struct pyro_operation pyro_shell_write_operation;
extern const struct pyro_operation pyro_shell_signal_operation;
extern const struct pyro_operation pyro_shell_resize_operation;
extern const struct pyro_operation pyro_shell_close_operation;
extern const struct pyro_operation pyro_shell_attach_operation;

/* mcp_table.c; served by the command line */
extern const struct pyro_operation pyro_mcp_serve_operation;
extern const struct pyro_operation pyro_mcp_config_operation;

/* demo_table.c; played by the command line */
extern const struct pyro_operation pyro_demo_operation;
extern const struct pyro_operation pyro_demo_ollama_operation;

#endif
