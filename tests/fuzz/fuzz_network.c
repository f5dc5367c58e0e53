/* The guest's stream of frames: cut and filtered in pieces. Nothing may come out that is addressed
 * to a loopback, and what comes out must be whole frames. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "vm/network.h"
#include "vm/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_output(struct pyro_buffer *to)
{
    while (to->size > 0) {
        const uint8_t *frame = pyro_buffer_data(to);
        size_t length = (size_t)frame[0] << 24 | (size_t)frame[1] << 16 | (size_t)frame[2] << 8 |
                        (size_t)frame[3];
        if (to->size < 4 + length || length < 14)
            abort();
        if (frame[4 + 12] == 8 && frame[4 + 13] == 0 &&
            (frame[4 + 30] == 127 || frame[4 + 30] == 0 || frame[4 + 30] >= 224))
            abort();
        pyro_buffer_consume(to, 4 + length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pyro_buffer from, to;
    if (size < 1)
        return 0;
    size_t piece = 1 + bytes[0];
    pyro_network_allows(bytes, size);
    pyro_buffer_init(&from, PYRO_RELAY_BUFFER_CAP);
    pyro_buffer_init(&to, PYRO_RELAY_BUFFER_CAP);
    for (size_t at = 1; at < size; at += piece) {
        size_t now = size - at < piece ? size - at : piece;
        if (pyro_buffer_append(&from, bytes + at, now) < 0 || pyro_relay_filter(&from, &to) < 0)
            break;
        check_output(&to);
    }
    pyro_buffer_finish(&from);
    pyro_buffer_finish(&to);
    return 0;
}
