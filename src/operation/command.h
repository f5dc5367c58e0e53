/* The `command` parameter of every operation that runs one. */
#ifndef PYRO_OPERATION_COMMAND_H
#define PYRO_OPERATION_COMMAND_H

#include <jansson.h>

#include "base/error.h"

struct pyro_command {
    char **arguments; /* NULL-terminated */
    size_t count;
    char *display; /* for people and results: as a shell would read it back, valid UTF-8 */
};

/* From a string, which becomes {"/bin/sh", "-lc", string}, or from an array of strings, which stays
 * as it is, byte for byte. PYRO_ERROR_INVALID_PARAMETER when it is empty, too long, or has a NUL in
 * it. */
int pyro_command_init(struct pyro_command *command, const json_t *value, struct pyro_error *error);
void pyro_command_finish(struct pyro_command *command);

#endif
