/* Everything below a directory, parents before what is in them: two descriptors at most, no symlink
 * followed, no other file system entered, however deep and however hostile the tree is. */
#ifndef PYRO_GUEST_TREE_WALK_H
#define PYRO_GUEST_TREE_WALK_H

#include <sys/stat.h>

#include "wire/tree.h"

struct pyro_tree_found {
    int directory; /* in which `name` is */
    const char *name;
    const char *path; /* of it all, below the root of the walk */
    const struct stat *status;
    enum pyro_tree_kind kind; /* a mount point is OTHER */
};

/* Anything but 0 ends the walk with that value. */
typedef int pyro_tree_visitor(void *userdata, const struct pyro_tree_found *found);

/* What the visitor returned, or -1 after the line on stderr. */
int pyro_tree_walk(int root, pyro_tree_visitor *visit, void *userdata);

enum pyro_tree_kind pyro_tree_kind_of(const struct stat *status);

#endif
