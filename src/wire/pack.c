#include "wire/pack.h"

#include <string.h>

const uint8_t *pyro_unpack_raw(struct pyro_unpack *in, size_t size)
{
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *at = in->at;
    in->at += size;
    return at;
}

static uint64_t unpack_integer(struct pyro_unpack *in, size_t size)
{
    const uint8_t *at = pyro_unpack_raw(in, size);
    uint64_t value = 0;
    for (size_t i = 0; at && i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

uint8_t pyro_unpack_u8(struct pyro_unpack *in)
{
    return (uint8_t)unpack_integer(in, 1);
}

uint32_t pyro_unpack_u32(struct pyro_unpack *in)
{
    return (uint32_t)unpack_integer(in, 4);
}

uint64_t pyro_unpack_u64(struct pyro_unpack *in)
{
    return unpack_integer(in, 8);
}

const uint8_t *pyro_unpack_bytes(struct pyro_unpack *in, size_t cap, uint32_t *ret_size)
{
    uint32_t size = pyro_unpack_u32(in);
    *ret_size = 0;
    if (size > cap)
        in->failed = true;
    const uint8_t *at = pyro_unpack_raw(in, size);
    if (at)
        *ret_size = size;
    return at;
}

void pyro_unpack_text(struct pyro_unpack *in, char *ret_text, size_t capacity)
{
    uint32_t size;
    const uint8_t *at = pyro_unpack_bytes(in, capacity - 1, &size);
    if (at && memchr(at, 0, size))
        in->failed = true;
    size = at && !in->failed ? size : 0;
    if (size > 0)
        memcpy(ret_text, at, size);
    ret_text[size] = '\0';
}

bool pyro_unpack_done(const struct pyro_unpack *in)
{
    return !in->failed && in->at == in->end;
}

void pyro_pack_raw(struct pyro_pack *pack, const void *bytes, size_t size)
{
    if (!pack->failed && pyro_buffer_append(pack->out, bytes, size) < 0)
        pack->failed = true;
}

static void pack_integer(struct pyro_pack *pack, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    pyro_pack_raw(pack, bytes, size);
}

void pyro_pack_u8(struct pyro_pack *pack, uint8_t value)
{
    pack_integer(pack, value, 1);
}

void pyro_pack_u32(struct pyro_pack *pack, uint32_t value)
{
    pack_integer(pack, value, 4);
}

void pyro_pack_u64(struct pyro_pack *pack, uint64_t value)
{
    pack_integer(pack, value, 8);
}

void pyro_pack_bytes(struct pyro_pack *pack, const void *bytes, size_t size)
{
    pyro_pack_u32(pack, (uint32_t)size);
    pyro_pack_raw(pack, bytes, size);
}

void pyro_pack_text(struct pyro_pack *pack, const char *text)
{
    pyro_pack_bytes(pack, text, strlen(text));
}
