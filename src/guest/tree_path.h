/* Directories of a tree, opened so that no symlink in it leads anywhere else. */
#ifndef PYRO_GUEST_TREE_PATH_H
#define PYRO_GUEST_TREE_PATH_H

#include "wire/tree.h"

enum pyro_tree_symlinks {
    PYRO_TREE_REFUSE_SYMLINKS,
    PYRO_TREE_STAY_BENEATH, /* those are followed that lead to somewhere below the root */
};

/* Opens the directory at a safe path below `root`; "" is the root itself. The descriptor or a
 * negative errno. Without openat2 (kernels before 5.6) no symlink is followed at all. */
int pyro_tree_open_directory(int root, const char *path, enum pyro_tree_symlinks symlinks);

/* Splits a path that is not "": the last component, and where its directory's path ends. */
const char *pyro_tree_split(const char *path, size_t *ret_parent_length);

/* The directory that names are looked up in, kept open because the names of one directory follow
 * each other. No symlink leads to it. */
struct pyro_tree_parent {
    int root; /* the caller's */
    int fd;   /* -1: none yet */
    size_t length;
    char path[PYRO_TREE_PATH_MAX + 1];
};

void pyro_tree_parent_init(struct pyro_tree_parent *parent, int root);
void pyro_tree_parent_finish(struct pyro_tree_parent *parent);
/* The directory that a path (not "") lies in, and its name there. The descriptor is good until the
 * next call. A negative errno when there is no such directory. */
int pyro_tree_parent_of(struct pyro_tree_parent *parent, const char *path, const char **ret_name);

#endif
