/* The names of a file system under construction: which directory holds which name, and its inode.
 * Kept in memory so that looking a path up and refusing a bad one costs no reading back. */
#ifndef PYRO_ENVIRONMENT_TREE_H
#define PYRO_ENVIRONMENT_TREE_H

#include <stddef.h>
#include <stdint.h>

enum {
    PYRO_NAME_MAX = 255,
    PYRO_TREE_MAX = 1000000, /* names in one tree, without its root */
};

struct pyro_node {
    struct pyro_node *parent; /* the root is its own parent */
    struct pyro_node *first_child, *last_child, *sibling;
    struct pyro_node *chain; /* next in the same hash bucket */
    struct pyro_node *next;  /* all nodes in the order they came */
    uint32_t inode;
    uint8_t type; /* EXT2_FT_* */
    uint8_t name_length;
    char name[];
};

struct pyro_tree {
    struct pyro_node *root, *last;
    struct pyro_node **buckets;
    size_t bucket_count, count;
    uint64_t seed;
};

/* An empty tree with a root. 0 or a negative errno. */
int pyro_tree_init(struct pyro_tree *tree, uint32_t root_inode, uint8_t root_type);
void pyro_tree_finish(struct pyro_tree *tree);

/* The node of that name in a directory, or NULL. */
struct pyro_node *pyro_tree_find(const struct pyro_tree *tree, const struct pyro_node *parent,
                                 const char *name, size_t length);

/* Adds a name that is not there yet. 0, -ENOMEM, -EOVERFLOW beyond PYRO_TREE_MAX, -ENAMETOOLONG. */
int pyro_tree_add(struct pyro_tree *tree, struct pyro_node *parent, const char *name, size_t length,
                  struct pyro_node **ret_node);

#endif
