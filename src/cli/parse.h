/* Words of the command line into parameters, as the operation's description says. */
#ifndef PYRO_CLI_PARSE_H
#define PYRO_CLI_PARSE_H

#include "operation/operation.h"

struct cli_request {
    json_t *given; /* to be passed to the operation; NULL with `help` or on failure */
    bool json, verbose, help;
};

/* Reads the words behind the command. Every problem is told in one PYRO_ERROR_INVALID_PARAMETER;
 * the flags of the request are good even then. */
int cli_parse(const struct pyro_operation *operation, char *const *words, size_t count,
              struct cli_request *ret_request, struct pyro_error *error);

#endif
