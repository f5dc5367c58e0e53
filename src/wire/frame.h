/* Frames: the one format spoken between client, supervisor and guest agent. docs/PROTOCOL.md is the
 * reference; both ends and the fuzzers use this codec. */
#ifndef PYRO_WIRE_FRAME_H
#define PYRO_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    PYRO_FRAME_MAGIC = 0x4f525950, /* "PYRO" in memory */
    PYRO_FRAME_VERSION = 1,
    PYRO_FRAME_HEADER_SIZE = 16,
    PYRO_FRAME_PAYLOAD_MAX = 64 * 1024,
    PYRO_FRAME_SIZE_MAX = PYRO_FRAME_HEADER_SIZE + PYRO_FRAME_PAYLOAD_MAX,
    /* EXEC is the one payload that a caller can make large (an argument vector). It is sent as one
     * frame, so a command line is at most this long. */
    PYRO_WINDOW_INITIAL = 256 * 1024, /* credit a channel starts with, in bytes */
};

/* Who may send a frame. */
enum pyro_frame_sender {
    PYRO_FROM_GUEST = 1 << 0,  /* guest agent → supervisor */
    PYRO_TO_GUEST = 1 << 1,    /* supervisor → guest agent */
    PYRO_FROM_CLIENT = 1 << 2, /* client → supervisor */
    PYRO_TO_CLIENT = 1 << 3,   /* supervisor → client */
};

/* X(NAME, number, senders, smallest payload, largest payload) — the closed set. */
#define PYRO_FRAME_TABLE(X)                                                                        \
    X(READY, 1, PYRO_FROM_GUEST, 20, 512)                                                          \
    X(SETUP, 2, PYRO_TO_GUEST, 64, 4096)                                                           \
    X(SETUP_DONE, 3, PYRO_FROM_GUEST, 4, 512)                                                      \
    X(EXEC, 4, PYRO_TO_GUEST | PYRO_FROM_CLIENT, 20, PYRO_FRAME_PAYLOAD_MAX)                       \
    X(STARTED, 5, PYRO_FROM_GUEST | PYRO_TO_CLIENT, 4, 4)                                          \
    X(DATA, 6, PYRO_FROM_GUEST | PYRO_TO_GUEST | PYRO_FROM_CLIENT | PYRO_TO_CLIENT, 0,             \
      PYRO_FRAME_PAYLOAD_MAX)                                                                      \
    X(CREDIT, 7, PYRO_FROM_GUEST | PYRO_TO_GUEST | PYRO_FROM_CLIENT | PYRO_TO_CLIENT, 4, 4)        \
    X(KILL, 8, PYRO_TO_GUEST | PYRO_FROM_CLIENT, 0, 0)                                             \
    X(EXITED, 9, PYRO_FROM_GUEST | PYRO_TO_CLIENT, 16, 16)                                         \
    X(POWEROFF, 10, PYRO_TO_GUEST, 0, 0)                                                           \
    X(STATE, 11, PYRO_TO_CLIENT, 2, 4096)                                                          \
    X(FAILURE, 12, PYRO_TO_CLIENT, 4, 4096)                                                        \
    X(STOP, 13, PYRO_FROM_CLIENT, 1, 1)                                                            \
    X(SEAL, 14, PYRO_TO_GUEST, 0, 0)                                                               \
    X(SEALED, 15, PYRO_FROM_GUEST, 0, 0)                                                           \
    X(CLOCK, 16, PYRO_TO_GUEST, 9, 9)                                                              \
    X(FREEZE, 17, PYRO_FROM_CLIENT, 0, 0)                                                          \
    X(RECORDED, 18, PYRO_TO_CLIENT, 4, 4)                                                          \
    X(KEEP, 19, PYRO_FROM_CLIENT, 4, PYRO_FRAME_PAYLOAD_MAX)                                       \
    X(KEPT, 20, PYRO_TO_CLIENT, 0, 0)                                                              \
    X(SIGNAL, 21, PYRO_TO_GUEST, 4, 4)                                                             \
    X(RESIZE, 22, PYRO_TO_GUEST, 8, 8)                                                             \
    X(ATTACH, 23, PYRO_FROM_CLIENT, 1, PYRO_FRAME_PAYLOAD_MAX)                                     \
    X(REQUEST, 24, PYRO_FROM_CLIENT, 2, PYRO_FRAME_PAYLOAD_MAX)                                    \
    X(ANSWER, 25, PYRO_TO_CLIENT, 2, PYRO_FRAME_PAYLOAD_MAX)                                       \
    X(CLAIM, 26, PYRO_FROM_CLIENT, 4, 4)

enum pyro_frame_type {
#define X(name, number, senders, smallest, largest) PYRO_FRAME_##name = number,
    PYRO_FRAME_TABLE(X)
#undef X
};

/* Which of a command's three streams a DATA or CREDIT frame is about; 0 in every other frame. */
enum pyro_channel {
    PYRO_CHANNEL_NONE = 0,
    PYRO_CHANNEL_STDIN = 1,
    PYRO_CHANNEL_STDOUT = 2,
    PYRO_CHANNEL_STDERR = 3,
};

struct pyro_frame {
    enum pyro_frame_type type;
    enum pyro_channel channel;
    uint32_t stream; /* which command; 0 for frames about the VM */
    uint32_t length;
    const uint8_t *payload; /* points into the buffer it was decoded from */
};

/* Name for logs, "?" for a number outside the table. */
const char *pyro_frame_name(unsigned type);

/* Looks at the first frame in `bytes`, which came from `sender`.
 * Returns 1 and the frame when it is whole; 0 when more bytes are needed; -EPROTO when this is not
 * a frame that this sender may send (the connection is useless then). Looks at the header before
 * the payload is there, so a hostile length is refused early. Never reads beyond `size`. */
int pyro_frame_decode(const uint8_t *bytes, size_t size, enum pyro_frame_sender sender,
                      struct pyro_frame *ret_frame);

static inline size_t pyro_frame_size(const struct pyro_frame *frame)
{
    return PYRO_FRAME_HEADER_SIZE + frame->length;
}

/* Appends a frame to `buffer`. 0, -ENOMEM, -EOVERFLOW (the buffer's cap), -EMSGSIZE (payload). */
int pyro_frame_append(struct pyro_buffer *buffer, enum pyro_frame_type type,
                      enum pyro_channel channel, uint32_t stream, const void *payload,
                      size_t length);

/* Writes the 16 header bytes alone, for senders that place the payload themselves. */
void pyro_frame_header(uint8_t ret_header[PYRO_FRAME_HEADER_SIZE], enum pyro_frame_type type,
                       enum pyro_channel channel, uint32_t stream, uint32_t length);

#endif
