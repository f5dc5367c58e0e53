/* Payloads alone: the first byte says of which frame. */
#include "fuzz_unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        fuzz_unpack((enum pyro_frame_type)data[0], data + 1, size - 1);
    return 0;
}
