/* A window into a guest's memory, where that memory is a file of ours: the data of large files is
 * written there by us instead of coming through the guest's port, which would cost the guest more
 * than all else that it does with them (docs/PROTOCOL.md, "Trees", WINDOW). */
#ifndef PYRO_WORKSPACE_WINDOW_H
#define PYRO_WORKSPACE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/tree.h"

struct pyro_window {
    int memory; /* the guest's memory, the caller's; -1: not to be had, and no window is wanted */
    bool is_known;        /* the guest has answered, see `slice_size` */
    uint32_t slice_size;  /* 0: there is none */
    uint64_t start;       /* in the file */
    unsigned placed;      /* slices that were handed to the guest, */
    unsigned taken;       /* and those that it gave back */
    uint64_t file_offset; /* of the data in the slice that is being filled */
    uint32_t used;        /* bytes of it; 0: none is being filled */
};

/* What the guest says it has, checked: it may be anything. Without a mark where it should be, there
 * is none. */
void pyro_window_take(struct pyro_window *window, const struct pyro_tree_window *offered);
/* The guest gives a slice back. False when it had none. */
bool pyro_window_give_back(struct pyro_window *window);

/* Whether one more DATA would find room now. */
bool pyro_window_has_room(const struct pyro_window *window);
/* Puts the data of a file there; PLACED records go to `out`. Each returns 0 or a negative errno. */
int pyro_window_put(struct pyro_window *window, const struct pyro_tree_data *data,
                    struct pyro_buffer *out);
/* Hands over what was put last: before anything that comes behind it in the stream. */
int pyro_window_flush(struct pyro_window *window, struct pyro_buffer *out);

#endif
