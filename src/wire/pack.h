/* Packing payloads: little-endian integers, and byte strings with a u32 length. Readers never go
 * beyond the end; after the first failure they return zeros and `failed` stays set. */
#ifndef PYRO_WIRE_PACK_H
#define PYRO_WIRE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct pyro_unpack {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct pyro_unpack pyro_unpack_init(const void *bytes, size_t size)
{
    return (struct pyro_unpack){.at = bytes, .end = (const uint8_t *)bytes + size};
}

uint8_t pyro_unpack_u8(struct pyro_unpack *in);
uint32_t pyro_unpack_u32(struct pyro_unpack *in);
uint64_t pyro_unpack_u64(struct pyro_unpack *in);
/* `size` raw bytes in place, NULL on failure. */
const uint8_t *pyro_unpack_raw(struct pyro_unpack *in, size_t size);
/* A byte string of at most `cap` bytes, in place. NULL on failure. */
const uint8_t *pyro_unpack_bytes(struct pyro_unpack *in, size_t cap, uint32_t *ret_size);
/* A byte string copied into `ret_text` as NUL-terminated text; one with a NUL inside, or that does
 * not fit, is a failure. */
void pyro_unpack_text(struct pyro_unpack *in, char *ret_text, size_t capacity);
/* True when all was read, nothing is left over and nothing failed. */
bool pyro_unpack_done(const struct pyro_unpack *in);

/* Writers collect into a buffer; the first failure sticks in `failed`. */
struct pyro_pack {
    struct pyro_buffer *out;
    bool failed;
};

void pyro_pack_u8(struct pyro_pack *pack, uint8_t value);
void pyro_pack_u32(struct pyro_pack *pack, uint32_t value);
void pyro_pack_u64(struct pyro_pack *pack, uint64_t value);
void pyro_pack_raw(struct pyro_pack *pack, const void *bytes, size_t size);
void pyro_pack_bytes(struct pyro_pack *pack, const void *bytes, size_t size);
void pyro_pack_text(struct pyro_pack *pack, const char *text);

#endif
