/* The agent's own commands about file trees (docs/PROTOCOL.md, "Trees"). Its program, executed
 * under the name PYRO_TREE_PROGRAM, runs one of them: records come from stdin and go to stdout. */
#ifndef PYRO_GUEST_TREE_H
#define PYRO_GUEST_TREE_H

#include "base/macros.h"

#define PYRO_TREE_PROGRAM "pyro-tree"

/* `words` are EXEC's arguments. The exit status: 0, or 1 after one line on stderr. */
int pyro_tree_command(char *const *words);

/* The commands; `words` are as many as they take. 0, or -1 after the line on stderr. */
int pyro_tree_receive(char *const *words); /* ROOT DEST MODE ["window"] */
int pyro_tree_list(char *const *words);    /* ROOT */
int pyro_tree_send(char *const *words);    /* ROOT PATH */
int pyro_tree_fetch(char *const *words);   /* ROOT */

/* The line on stderr, however odd the paths in it are. Returns -1. */
PYRO_PRINTF(1, 2) int pyro_tree_say(const char *format, ...);

#endif
