/* The frame decoder and encoder: every refusal, every cut, every type. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "tap.h"
#include "wire/frame.h"

enum { EVERY_SENDER = PYRO_FROM_GUEST | PYRO_TO_GUEST | PYRO_FROM_CLIENT | PYRO_TO_CLIENT };

static const struct {
    unsigned type, senders, smallest, largest;
} table[] = {
#define X(name, number, senders, smallest, largest) {number, senders, smallest, largest},
    PYRO_FRAME_TABLE(X)
#undef X
};

static const unsigned senders[] = {PYRO_FROM_GUEST, PYRO_TO_GUEST, PYRO_FROM_CLIENT,
                                   PYRO_TO_CLIENT};

/* Decodes from an exact allocation, so that the sanitizer sees any byte read beyond it. */
static int decode(const uint8_t *bytes, size_t size, unsigned sender, struct pyro_frame *ret_frame)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    int r = pyro_frame_decode(copy, size, (enum pyro_frame_sender)sender, ret_frame);
    if (r == 1)
        ret_frame->payload = bytes + (ret_frame->payload - copy);
    free(copy);
    return r;
}

static unsigned channel_for(unsigned type, unsigned sender)
{
    int towards_guest = (sender & (PYRO_TO_GUEST | PYRO_FROM_CLIENT)) != 0;
    if (type == PYRO_FRAME_DATA)
        return towards_guest ? PYRO_CHANNEL_STDIN : PYRO_CHANNEL_STDOUT;
    if (type == PYRO_FRAME_CREDIT)
        return towards_guest ? PYRO_CHANNEL_STDERR : PYRO_CHANNEL_STDIN;
    return PYRO_CHANNEL_NONE;
}

static void test_round_trip(void)
{
    static const uint8_t payload[] = {1, 2, 3, 4, 5};
    struct pyro_buffer buffer;
    struct pyro_frame frame;
    pyro_buffer_init(&buffer, 1000);
    is_int(pyro_frame_append(&buffer, PYRO_FRAME_DATA, PYRO_CHANNEL_STDERR, 0xfedcba98, payload, 5),
           0, "appended");
    is_int(pyro_frame_append(&buffer, PYRO_FRAME_KILL, PYRO_CHANNEL_NONE, 7, NULL, 0), 0, "twice");
    is_int(decode(pyro_buffer_data(&buffer), buffer.size, PYRO_FROM_GUEST, &frame), 1, "decoded");
    ok(frame.type == PYRO_FRAME_DATA && frame.channel == PYRO_CHANNEL_STDERR &&
           frame.stream == 0xfedcba98 && frame.length == 5 &&
           memcmp(frame.payload, payload, 5) == 0,
       "unchanged");
    is_int(pyro_frame_size(&frame), 21, "its size");
    pyro_buffer_consume(&buffer, pyro_frame_size(&frame));
    is_int(decode(pyro_buffer_data(&buffer), buffer.size, PYRO_TO_GUEST, &frame), 1, "the second");
    ok(frame.type == PYRO_FRAME_KILL && frame.stream == 7 && frame.length == 0, "is the second");
    pyro_buffer_finish(&buffer);
}

static void test_layout(void)
{
    static const uint8_t wanted[] = {'P', 'Y', 'R', 'O', 1, 6, 2, 0, 4, 3, 2, 1, 8, 7, 6, 5};
    uint8_t header[PYRO_FRAME_HEADER_SIZE];
    pyro_frame_header(header, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 0x01020304, 0x05060708);
    ok(memcmp(header, wanted, sizeof(wanted)) == 0, "the header as docs/PROTOCOL.md has it");
}

static void test_cut_at_every_byte(void)
{
    uint8_t payload[40] = {0};
    struct pyro_buffer buffer;
    struct pyro_frame frame;
    int waits = 1;
    pyro_buffer_init(&buffer, 1000);
    pyro_frame_append(&buffer, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 1, payload, sizeof(payload));
    for (size_t size = 0; size < buffer.size; size++)
        waits = waits && decode(pyro_buffer_data(&buffer), size, PYRO_FROM_GUEST, &frame) == 0;
    ok(waits, "a cut frame asks for more bytes");
    pyro_buffer_finish(&buffer);
}

/* Every type, sender and boundary length: accepted exactly when the table says so. */
static void test_table(void)
{
    uint8_t *bytes = calloc(1, PYRO_FRAME_SIZE_MAX + 1);
    struct pyro_frame frame;
    int right = bytes != NULL;
    for (size_t i = 0; i < ARRAY_SIZE(table) && right; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(senders); j++) {
            const uint32_t lengths[] = {0,
                                        table[i].smallest - 1,
                                        table[i].smallest,
                                        table[i].largest,
                                        table[i].largest + 1,
                                        UINT32_MAX};
            for (size_t k = 0; k < ARRAY_SIZE(lengths); k++) {
                uint32_t length = lengths[k];
                int fits = length >= table[i].smallest && length <= table[i].largest &&
                           (table[i].senders & senders[j]);
                pyro_frame_header(bytes, (enum pyro_frame_type)table[i].type,
                                  (enum pyro_channel)channel_for(table[i].type, senders[j]), 1,
                                  length);
                size_t size = PYRO_FRAME_HEADER_SIZE + (fits ? length : 0);
                int r = pyro_frame_decode(bytes, size, (enum pyro_frame_sender)senders[j], &frame);
                right = right && r == (fits ? 1 : -EPROTO);
            }
        }
    }
    ok(right, "types, senders and lengths as in the table");
    free(bytes);
}

static void test_refusals(void)
{
    uint8_t good[PYRO_FRAME_HEADER_SIZE], bad[PYRO_FRAME_HEADER_SIZE];
    struct pyro_frame frame;
    int refused = 1, closed = 1, channels = 1;
    pyro_frame_header(good, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 1, 0);
    for (int i = 0; i < 5; i++) {
        memcpy(bad, good, sizeof(bad));
        bad[i] ^= 0x20;
        refused = refused && decode(bad, sizeof(bad), PYRO_FROM_GUEST, &frame) == -EPROTO;
    }
    ok(refused, "another magic or version is refused");
    for (unsigned type = 0; type < 256; type++) {
        memcpy(bad, good, sizeof(bad));
        bad[5] = (uint8_t)type;
        int known = 0;
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
            known = known || table[i].type == type;
        closed = closed && (known || (decode(bad, sizeof(bad), EVERY_SENDER, &frame) == -EPROTO &&
                                      strcmp(pyro_frame_name(type), "?") == 0));
    }
    ok(closed, "the set of types is closed");
    for (unsigned channel = 0; channel < 65536; channel++) {
        memcpy(bad, good, sizeof(bad));
        bad[6] = (uint8_t)channel;
        bad[7] = (uint8_t)(channel >> 8);
        int wanted = channel == PYRO_CHANNEL_STDOUT || channel == PYRO_CHANNEL_STDERR ? 1 : -EPROTO;
        channels =
            channels && pyro_frame_decode(bad, sizeof(bad), PYRO_FROM_GUEST, &frame) == wanted;
    }
    ok(channels, "a guest sends stdout and stderr, nothing else");
    is_text(pyro_frame_name(PYRO_FRAME_SETUP_DONE), "SETUP_DONE", "frames have names");
    is_text(pyro_frame_name(~0u), "?", "others have none");
}

static void test_append_limits(void)
{
    static uint8_t payload[PYRO_FRAME_PAYLOAD_MAX + 1];
    struct pyro_buffer buffer;
    pyro_buffer_init(&buffer, PYRO_FRAME_SIZE_MAX + PYRO_FRAME_HEADER_SIZE);
    is_int(pyro_frame_append(&buffer, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 1, payload,
                             sizeof(payload)),
           -EMSGSIZE, "a payload beyond the cap");
    is_int(pyro_frame_append(&buffer, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 1, payload,
                             PYRO_FRAME_PAYLOAD_MAX),
           0, "the largest payload");
    is_int(pyro_frame_append(&buffer, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, 1, payload, 1),
           -EOVERFLOW, "a buffer that is full");
    is_int(buffer.size, PYRO_FRAME_SIZE_MAX, "no part of it was added");
    pyro_buffer_finish(&buffer);
}

int main(void)
{
    test_round_trip();
    test_layout();
    test_cut_at_every_byte();
    test_table();
    test_refusals();
    test_append_limits();
    return tap_done();
}
