/* Commands and families of them, found by their words. A family is what commands begin with: "env",
 * "workspace sync". `table` ends with NULL; the program's is pyro_operations. */
#ifndef PYRO_CLI_COMMANDS_H
#define PYRO_CLI_COMMANDS_H

#include "operation/operation.h"

/* The operation whose command the words begin with, and how many of them that is; or NULL. Of
 * "demo" and "demo ollama" the longer one. */
const struct pyro_operation *cli_command_find(const struct pyro_operation *const *table,
                                              char *const *words, size_t count, size_t *ret_used);

/* How many of the words name a family: the longest there is, 0 if there is none. */
size_t cli_family_find(const struct pyro_operation *const *table, char *const *words, size_t count);
/* Whether the command is one of the family's. */
bool cli_family_has(const char *family, const char *command);

/* Commands, and families of as many words, that look like the words, as pyro_text_nearest() tells
 * them. */
char *cli_commands_nearest(const struct pyro_operation *const *table, char *const *words,
                           size_t count);

/* The words with a space between them. To be freed, NULL when out of memory. */
char *cli_words_join(char *const *words, size_t count);

#endif
