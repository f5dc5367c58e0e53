/* The names in a directory of the host, sorted, so that a tree is always told in the same order. */
#ifndef PYRO_WORKSPACE_LISTING_H
#define PYRO_WORKSPACE_LISTING_H

#include <stddef.h>

struct pyro_listing {
    const char **names; /* sorted as bytes; without "." and ".." */
    size_t count;
    char *text; /* what they lie in */
};

/* Reads the directory from where the descriptor stands. 0, -EOVERFLOW when there are more than
 * `most` names, another negative errno. */
int pyro_listing_read(int directory, size_t most, struct pyro_listing *ret_listing);
void pyro_listing_finish(struct pyro_listing *listing);

#endif
