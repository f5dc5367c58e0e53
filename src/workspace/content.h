/* What a file holds, learned from its DATA records: the SHA-256 of it (holes are zeros), and the
 * bytes themselves while it may be text. */
#ifndef PYRO_WORKSPACE_CONTENT_H
#define PYRO_WORKSPACE_CONTENT_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/tree.h"
#include "workspace/baseline.h"

/* One file after the other; set up once. */
struct pyro_content {
    struct sha256_ctx digest;
    struct pyro_buffer *bytes; /* where kept bytes are appended, the caller's */
    uint64_t size, at;         /* of the file; how far it has come */
    size_t start;              /* of the file's bytes in `bytes` */
    bool is_kept;
};

void pyro_content_init(struct pyro_content *content, struct pyro_buffer *bytes);

/* A file of `size` bytes begins. Its bytes are kept if they are not too many to be text and the
 * buffer has room for all of them. */
void pyro_content_begin(struct pyro_content *content, uint64_t size);
/* Takes a run. -EPROTO when it lies before what came already, or beyond the size. */
int pyro_content_add(struct pyro_content *content, const struct pyro_tree_data *data);
/* The file is over: what did not come is zeros. 0 or a negative errno. */
int pyro_content_end(struct pyro_content *content, uint8_t ret_sha256[PYRO_SHA256_SIZE]);

/* After its end: true when all its bytes were kept and are text. */
bool pyro_content_is_text(const struct pyro_content *content);
/* Gives back the room of what was kept. */
void pyro_content_drop(struct pyro_content *content);

/* SHA-256 of bytes in memory. */
void pyro_sha256(const void *bytes, size_t size, uint8_t ret_sha256[PYRO_SHA256_SIZE]);

#endif
