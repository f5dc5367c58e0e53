/* A file's bytes, from DATA records to the disk. Those of large files (PYRO_TREE_LARGE) go there
 * past the page cache: under emulation, finding a page for every 4 KiB takes longer than all else
 * that a byte meets on its way, and a tree larger than the guest's memory would push out what its
 * programs use. */
#ifndef PYRO_GUEST_TREE_CONTENT_H
#define PYRO_GUEST_TREE_CONTENT_H

#include "guest/tree_stream.h"

enum {
    PYRO_TREE_BLOCK_SIZE = 256 * 1024,
    PYRO_TREE_ALIGNMENT = 4096, /* what every disk accepts */
};

struct pyro_tree_content {
    int fd;             /* the caller's */
    uint64_t size, end; /* `end`: of the last run of data */
    bool large;         /* its bytes gather in `block` */
    bool direct;        /* how `fd` writes now */
    uint64_t block_offset;
    size_t block_used;
    _Alignas(PYRO_TREE_ALIGNMENT) uint8_t block[PYRO_TREE_BLOCK_SIZE];
};

void pyro_tree_content_begin(struct pyro_tree_content *content, int fd, uint64_t size);
/* Each returns 0 or a negative errno: -EPROTO for a run that is not behind the one before or not
 * within the file, -ENODATA where the stream ends. `data` came from `in` just now; of large files,
 * it need not be here. */
int pyro_tree_content_write(struct pyro_tree_content *content, const struct pyro_tree_data *data,
                            struct pyro_tree_input *in);
/* The same for data that lies in aligned memory. */
int pyro_tree_content_place(struct pyro_tree_content *content, uint64_t offset,
                            const uint8_t *bytes, uint32_t size);
int pyro_tree_content_end(struct pyro_tree_content *content);

#endif
