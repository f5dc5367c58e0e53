/* The agent's own commands about file trees (docs/PROTOCOL.md, "Trees"): records come from stdin
 * and go to stdout. */
#ifndef PYRO_GUEST_TREE_H
#define PYRO_GUEST_TREE_H

#include "guest/own.h"

/* `words` are as many as each takes. 0, or -1 after the line on stderr. Modes of what is made are
 * what the records say. */
int pyro_tree_receive(char *const *words); /* ROOT DEST MODE ["window"] */
int pyro_tree_list(char *const *words);    /* ROOT */
int pyro_tree_send(char *const *words);    /* ROOT PATH */
int pyro_tree_fetch(char *const *words);   /* ROOT */

#endif
