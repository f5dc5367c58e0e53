/* Makes the names of a tree. Of what is made where somebody may look, nobody ever sees a half. */
#ifndef PYRO_GUEST_TREE_MAKE_H
#define PYRO_GUEST_TREE_MAKE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "guest/tree_content.h"
#include "wire/tree.h"

struct pyro_tree_place {
    int directory;
    const char *name;
    /* What is there is replaced, at once and only by something whole. Without it, nobody looks yet
     * and nothing may be there. */
    bool merge;
};

/* Each returns 0 or a negative errno. A directory that is there is taken as it is, in any mode; one
 * that is made lets its owner work in it until it gets its mode at the end. */
int pyro_tree_make_directory(const struct pyro_tree_place *place, uint32_t mode);
int pyro_tree_make_symlink(const struct pyro_tree_place *place, const char *target,
                           int64_t mtime_ns);
/* A further name for the file `target` in `target_directory`. */
int pyro_tree_make_link(const struct pyro_tree_place *place, int target_directory,
                        const char *target);

/* A file under way. */
struct pyro_tree_file {
    int fd; /* -1: none */
    struct pyro_tree_place place;
    char name[PYRO_TREE_NAME_MAX + 1];
    char temporary[32]; /* the name it has until it is whole, "" for none */
    int64_t mtime_ns;
    uint32_t mode;
    struct pyro_tree_content content;
};

/* Its bytes then go to `content`. */
int pyro_tree_file_begin(struct pyro_tree_file *file, const struct pyro_tree_place *place,
                         const struct pyro_tree_entry *entry);
/* The file is whole. When that fails it is dropped. */
int pyro_tree_file_end(struct pyro_tree_file *file, struct stat *ret_status);
/* Nothing of it remains; without a file, does nothing. */
void pyro_tree_file_drop(struct pyro_tree_file *file);

#endif
