/* Help, all of it made from the operation table. */
#ifndef PYRO_CLI_HELP_H
#define PYRO_CLI_HELP_H

#include <stdio.h>

#include "cli/page.h"
#include "operation/operation.h"

#define CLI_ABOUT "run code that nobody has read in a Linux guest of its own"
#define CLI_EXAMPLES                                                                               \
    "pyro doctor\n"                                                                                \
    "pyro run debian:12 -- git --version"

/* `pyro --help`, or that of a family: the commands that begin with `family` ("env", "workspace
 * sync"). */
void cli_help_overview(FILE *file, const char *family);
/* `pyro run --help`. */
void cli_help_operation(FILE *file, const struct pyro_operation *operation);

/* Their parts, of which manual pages are made too. */
/* "pyro env pull [OPTIONS] ENVIRONMENT" and a newline. */
void cli_help_usage(FILE *file, const struct pyro_operation *operation);
/* Arguments, options and exit statuses. */
void cli_help_arguments(const struct cli_page *page, const struct pyro_operation *operation);
/* `own`: those of the command; NULL: it has only the usual ones. */
void cli_help_statuses(const struct cli_page *page, const char *own);
void cli_help_environment(const struct cli_page *page);
void cli_help_examples(const struct cli_page *page, const char *examples);

#endif
