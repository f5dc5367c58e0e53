/* The directories of a source in the order in which they came: what each of them is to get when all
 * that is in it is there, and its path. Each name is kept once, so that many deep ones stay small.
 */
#ifndef PYRO_WORKSPACE_DIRECTORIES_H
#define PYRO_WORKSPACE_DIRECTORIES_H

#include <stddef.h>
#include <stdint.h>

#include "wire/tree.h"

enum { PYRO_DIRECTORY_ROOT = 0 }; /* its own parent, without a name */

struct pyro_directory {
    uint32_t parent;
    uint32_t mode;
    int64_t mtime_ns;
    size_t name; /* where it begins in `names` */
};

struct pyro_directories {
    struct pyro_directory *items; /* parents before what is in them */
    size_t count, capacity;
    char *names; /* each with a NUL */
    size_t names_size, names_capacity;
};

/* A list with the root in it. 0 or -ENOMEM. */
int pyro_directories_init(struct pyro_directories *list);
void pyro_directories_finish(struct pyro_directories *list);

/* 0 or -ENOMEM. */
int pyro_directories_add(struct pyro_directories *list, uint32_t parent, const char *name,
                         uint32_t *ret_index);

/* Writes the path of `name` in a directory, or of the directory itself when it is "". 0, or
 * -ENAMETOOLONG. */
int pyro_directories_path(const struct pyro_directories *list, uint32_t directory, const char *name,
                          char ret_path[PYRO_TREE_PATH_MAX + 1]);

#endif
