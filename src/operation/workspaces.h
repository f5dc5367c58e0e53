/* Handlers of the workspace_* operations; workspaces_table.c describes them. */
#ifndef PYRO_OPERATION_WORKSPACES_H
#define PYRO_OPERATION_WORKSPACES_H

#include "operation/operation.h"

#define PYRO_WORKSPACE_HANDLER(name) PYRO_HANDLER(workspace_##name)

/* workspaces.c */
PYRO_WORKSPACE_HANDLER(create);
PYRO_WORKSPACE_HANDLER(status);
PYRO_WORKSPACE_HANDLER(delete);
/* workspace_exec.c */
PYRO_WORKSPACE_HANDLER(exec);
PYRO_WORKSPACE_HANDLER(logs);
PYRO_WORKSPACE_HANDLER(sync_push); /* workspace_push.c */
PYRO_WORKSPACE_HANDLER(export);    /* workspace_export.c */
PYRO_WORKSPACE_HANDLER(diff);      /* workspace_diff.c */

#endif
