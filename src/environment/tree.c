#include "environment/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static size_t bucket_of(const struct pyro_tree *tree, const struct pyro_node *parent,
                        const char *name, size_t length)
{
    /* FNV-1a. The seed keeps an archive from choosing names that all meet in one bucket. */
    uint64_t hash = tree->seed ^ (uintptr_t)parent;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return (size_t)hash & (tree->bucket_count - 1);
}

static int grow(struct pyro_tree *tree)
{
    size_t count = tree->bucket_count ? tree->bucket_count * 2 : 1024;
    struct pyro_node **buckets = calloc(count, sizeof(struct pyro_node *));
    if (!buckets)
        return -ENOMEM;
    free(tree->buckets);
    tree->buckets = buckets;
    tree->bucket_count = count;
    for (struct pyro_node *node = tree->root; node; node = node->next) {
        size_t bucket = bucket_of(tree, node->parent, node->name, node->name_length);
        node->chain = buckets[bucket];
        buckets[bucket] = node;
    }
    return 0;
}

static struct pyro_node *make_node(const char *name, size_t length)
{
    struct pyro_node *node = calloc(1, sizeof(*node) + length + 1);
    if (node) {
        memcpy(node->name, name, length);
        node->name_length = (uint8_t)length;
    }
    return node;
}

int pyro_tree_init(struct pyro_tree *tree, uint32_t root_inode, uint8_t root_type)
{
    *tree = (struct pyro_tree){0};
    if (getrandom(&tree->seed, sizeof(tree->seed), 0) != sizeof(tree->seed))
        return -EIO;
    tree->root = tree->last = make_node("", 0);
    if (!tree->root)
        return -ENOMEM;
    tree->root->parent = tree->root;
    tree->root->inode = root_inode;
    tree->root->type = root_type;
    tree->count = 1;
    return grow(tree);
}

void pyro_tree_finish(struct pyro_tree *tree)
{
    for (struct pyro_node *node = tree->root; node;) {
        struct pyro_node *next = node->next;
        free(node);
        node = next;
    }
    free(tree->buckets);
    *tree = (struct pyro_tree){0};
}

struct pyro_node *pyro_tree_find(const struct pyro_tree *tree, const struct pyro_node *parent,
                                 const char *name, size_t length)
{
    struct pyro_node *node = tree->buckets[bucket_of(tree, parent, name, length)];
    while (node && (node->parent != parent || node->name_length != length ||
                    memcmp(node->name, name, length) != 0))
        node = node->chain;
    return node;
}

int pyro_tree_add(struct pyro_tree *tree, struct pyro_node *parent, const char *name, size_t length,
                  struct pyro_node **ret_node)
{
    if (length > PYRO_NAME_MAX)
        return -ENAMETOOLONG;
    if (tree->count > PYRO_TREE_MAX)
        return -EOVERFLOW;
    if (tree->count >= tree->bucket_count) {
        int r = grow(tree);
        if (r < 0)
            return r;
    }
    struct pyro_node *node = make_node(name, length);
    if (!node)
        return -ENOMEM;
    node->parent = parent;
    if (parent->last_child)
        parent->last_child->sibling = node;
    else
        parent->first_child = node;
    parent->last_child = node;
    tree->last->next = node;
    tree->last = node;
    tree->count++;
    size_t bucket = bucket_of(tree, parent, name, length);
    node->chain = tree->buckets[bucket];
    tree->buckets[bucket] = node;
    *ret_node = node;
    return 0;
}
