/* What the forms of results share, and where they are. Private to render*.c. */
#ifndef PYRO_CLI_RENDER_H
#define PYRO_CLI_RENDER_H

#include "cli/cli.h"

/* The member's text, "" when it has none. */
const char *cli_text(const json_t *object, const char *key);
/* `label`, then the member's bytes in MiB or GiB, to stdout. */
void cli_print_size(const char *label, const json_t *object, const char *key);
/* Epoch seconds as local time, to stdout. */
void cli_print_time(const json_t *value);

/* render_workspace.c */
void cli_render_workspace_create(const json_t *result);
void cli_render_workspace_status(const json_t *result);
void cli_render_workspace_logs(const json_t *result);
void cli_render_workspace_delete(const json_t *result);
void cli_render_workspace_sync_push(const json_t *result);
void cli_render_workspace_export(const json_t *result);
void cli_render_workspace_diff(const json_t *result);

/* render_session.c */
void cli_render_service_start(const json_t *result);
void cli_render_service_list(const json_t *result);
void cli_render_service_status(const json_t *result);
void cli_render_service_stop(const json_t *result);
void cli_render_shell_open(const json_t *result);
void cli_render_shell_read(const json_t *result);
void cli_render_shell_write(const json_t *result);
void cli_render_shell_signal(const json_t *result);
void cli_render_shell_resize(const json_t *result);
void cli_render_shell_close(const json_t *result);

#endif
