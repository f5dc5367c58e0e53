/* The flags of an operation: one for each parameter that is neither positional nor behind --, or
 * one for each form of it where it has variants. */
#ifndef PYRO_CLI_FLAGS_H
#define PYRO_CLI_FLAGS_H

#include "operation/operation.h"

struct cli_flag {
    const struct pyro_parameter *parameter;
    const struct pyro_variant *variant; /* of the parameter; NULL: it has none */
};

/* Goes from one flag to the next in their order, from {0} to the first; false: there is none. */
bool cli_flag_next(const struct pyro_operation *operation, struct cli_flag *flag);

/* By its first `length` characters, "--vcpu-count=2". */
bool cli_flag_find(const struct pyro_operation *operation, const char *word, size_t length,
                   struct cli_flag *ret_flag);

/* "--vcpu-count". To be freed, NULL when out of memory. */
char *cli_flag_spelling(const struct cli_flag *flag);

/* The flags that look like `word`, those of every command among them, as pyro_text_nearest() tells
 * them. */
char *cli_flags_nearest(const struct pyro_operation *operation, const char *word);

#endif
