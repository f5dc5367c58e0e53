/* A stream of frames from one side, decoded as the other side does it, each payload unpacked.
 * Built twice: FUZZ_SENDER says who is hostile. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_unpack.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame that was taken is one that could have been sent: encoded again, it has the same bytes. */
static void check_frame(const struct pyro_frame *frame, const uint8_t *bytes)
{
    uint8_t header[PYRO_FRAME_HEADER_SIZE];
    pyro_frame_header(header, frame->type, frame->channel, frame->stream, frame->length);
    if (memcmp(header, bytes, sizeof(header)) != 0 ||
        frame->payload != bytes + PYRO_FRAME_HEADER_SIZE || frame->length > PYRO_FRAME_PAYLOAD_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_frame frame;
    while (pyro_frame_decode(data, size, FUZZ_SENDER, &frame) == 1) {
        if (pyro_frame_size(&frame) > size)
            abort();
        check_frame(&frame, data);
        fuzz_unpack(frame.type, frame.payload, frame.length);
        data += pyro_frame_size(&frame);
        size -= pyro_frame_size(&frame);
    }
    return 0;
}
