/* A stream of tree records. One that was taken is one that could have been sent: packed again, it
 * has the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "wire/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_tree_record record;
    struct pyro_buffer again;
    pyro_buffer_init(&again, PYRO_TREE_RECORD_MAX);
    while (pyro_tree_decode(data, size, &record) == 1) {
        if (record.size > size || pyro_tree_record_pack(&again, &record) < 0 ||
            again.size != record.size || memcmp(pyro_buffer_data(&again), data, record.size) != 0)
            abort();
        pyro_buffer_consume(&again, again.size);
        data += record.size;
        size -= record.size;
    }
    pyro_buffer_finish(&again);
    return 0;
}
