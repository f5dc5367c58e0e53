#include "wire/frame.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned senders;
    uint32_t smallest, largest;
} frames[] = {
#define X(name, number, senders, smallest, largest) [number] = {#name, senders, smallest, largest},
    PYRO_FRAME_TABLE(X)
#undef X
};

enum { FRAME_COUNT = sizeof(frames) / sizeof(frames[0]) };

/* Header, little endian: magic u32, version u8, type u8, channel u16, stream u32, length u32. */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

const char *pyro_frame_name(unsigned type)
{
    return type < FRAME_COUNT && frames[type].name ? frames[type].name : "?";
}

static bool channel_fits(unsigned type, unsigned channel, enum pyro_frame_sender sender)
{
    bool is_output = channel == PYRO_CHANNEL_STDOUT || channel == PYRO_CHANNEL_STDERR;
    bool towards_guest = sender & (PYRO_TO_GUEST | PYRO_FROM_CLIENT);
    switch (type) {
    case PYRO_FRAME_DATA:
        return towards_guest ? channel == PYRO_CHANNEL_STDIN : is_output;
    case PYRO_FRAME_CREDIT: /* credit flows against the data */
        return towards_guest ? is_output : channel == PYRO_CHANNEL_STDIN;
    default:
        return channel == PYRO_CHANNEL_NONE;
    }
}

int pyro_frame_decode(const uint8_t *bytes, size_t size, enum pyro_frame_sender sender,
                      struct pyro_frame *ret_frame)
{
    if (size < PYRO_FRAME_HEADER_SIZE)
        return 0;
    unsigned type = bytes[5];
    unsigned channel = bytes[6] | (unsigned)bytes[7] << 8;
    uint32_t length = get32(bytes + 12);
    if (get32(bytes) != PYRO_FRAME_MAGIC || bytes[4] != PYRO_FRAME_VERSION)
        return -EPROTO;
    if (type >= FRAME_COUNT || !(frames[type].senders & sender))
        return -EPROTO;
    if (length < frames[type].smallest || length > frames[type].largest)
        return -EPROTO;
    if (!channel_fits(type, channel, sender))
        return -EPROTO;
    if (size - PYRO_FRAME_HEADER_SIZE < length)
        return 0;
    *ret_frame = (struct pyro_frame){.type = (enum pyro_frame_type)type,
                                     .channel = (enum pyro_channel)channel,
                                     .stream = get32(bytes + 8),
                                     .length = length,
                                     .payload = bytes + PYRO_FRAME_HEADER_SIZE};
    return 1;
}

void pyro_frame_header(uint8_t ret_header[PYRO_FRAME_HEADER_SIZE], enum pyro_frame_type type,
                       enum pyro_channel channel, uint32_t stream, uint32_t length)
{
    put32(ret_header, PYRO_FRAME_MAGIC);
    ret_header[4] = PYRO_FRAME_VERSION;
    ret_header[5] = (uint8_t)type;
    ret_header[6] = (uint8_t)channel;
    ret_header[7] = 0;
    put32(ret_header + 8, stream);
    put32(ret_header + 12, length);
}

int pyro_frame_append(struct pyro_buffer *buffer, enum pyro_frame_type type,
                      enum pyro_channel channel, uint32_t stream, const void *payload,
                      size_t length)
{
    if (length > PYRO_FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (PYRO_FRAME_HEADER_SIZE + length > pyro_buffer_room(buffer))
        return -EOVERFLOW;
    uint8_t *at = pyro_buffer_reserve(buffer, PYRO_FRAME_HEADER_SIZE + length);
    if (!at)
        return -ENOMEM;
    pyro_frame_header(at, type, channel, stream, (uint32_t)length);
    if (length > 0)
        memcpy(at + PYRO_FRAME_HEADER_SIZE, payload, length);
    pyro_buffer_commit(buffer, PYRO_FRAME_HEADER_SIZE + length);
    return 0;
}
