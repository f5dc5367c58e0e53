/* What a shell may offer for the word under the cursor: found in the operation table and, for names
 * and ids, in what this host has. The shells' own files (completion/) only pass words on. */
#ifndef PYRO_CLI_COMPLETE_H
#define PYRO_CLI_COMPLETE_H

#include <stdio.h>

#include "operation/operation.h"

struct cli_completion {
    FILE *file;
    const char *typed;        /* what the word begins with, behind its prefix */
    const char *prefix;       /* "--flag=" where that is the same word; else "" */
    const char *workspace_id; /* among the words before it; NULL: none */
};

/* `pyro complete WORD...`: the words behind `pyro` up to the cursor, of which the last one, maybe
 * empty, is to be completed. Prints a line for each way to go on: the word, a tab, and what it
 * means. ":files" as a line alone means that a path of this host is wanted. */
void cli_complete(FILE *file, const struct pyro_operation *const *table, char *const *words,
                  size_t count);

/* One way to go on, printed when it begins with what is typed. */
void cli_completion_offer(const struct cli_completion *completion, const char *word,
                          const char *meaning);

/* complete_values.c: all that the parameter could be. */
void cli_completion_offer_values(const struct cli_completion *completion,
                                 const struct pyro_parameter *parameter);

#endif
