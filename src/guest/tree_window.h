/* A piece of this guest's memory into which the host writes file data by itself (docs/PROTOCOL.md,
 * "Trees", WINDOW). Under emulation, bytes that come through the port cost the guest more than
 * writing them to its disk. */
#ifndef PYRO_GUEST_TREE_WINDOW_H
#define PYRO_GUEST_TREE_WINDOW_H

#include <stdint.h>

#include "wire/tree.h"

struct pyro_tree_memory {
    const uint8_t *bytes; /* NULL: none */
    struct pyro_tree_window window;
    unsigned next; /* slice */
};

/* Gets it, marked. When there is none to be had its size is 0. */
void pyro_tree_memory_open(struct pyro_tree_memory *memory);
/* The slice whose turn it is, `ret_size` bytes; NULL: there is no window. */
const uint8_t *pyro_tree_memory_next(struct pyro_tree_memory *memory, uint32_t *ret_size);

#endif
