/* Help, all of it made from the operation table. */
#ifndef PYRO_CLI_HELP_H
#define PYRO_CLI_HELP_H

#include <stdio.h>

#include "operation/operation.h"

/* `pyro --help`, or that of a family: the commands that begin with `family` ("env", "workspace
 * sync"). */
void cli_help_overview(FILE *file, const char *family);
/* `pyro run --help`. */
void cli_help_operation(FILE *file, const struct pyro_operation *operation);

#endif
