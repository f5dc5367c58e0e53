/* A stream of tree records. One that was taken is one that could have been sent: packed again, it
 * has the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "wire/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int pack(struct pyro_buffer *out, const struct pyro_tree_record *record)
{
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        return pyro_tree_entry_pack(out, &record->entry);
    case PYRO_TREE_DATA:
        return pyro_tree_data_pack(out, record->data.offset, record->data.bytes, record->data.size);
    case PYRO_TREE_DONE:
        return pyro_tree_done_pack(out, record->done);
    case PYRO_TREE_TIMES:
        return pyro_tree_times_pack(out, &record->times);
    case PYRO_TREE_RESULT:
        return pyro_tree_result_pack(out, &record->result);
    default:
        return pyro_tree_end_pack(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_tree_record record;
    struct pyro_buffer again;
    pyro_buffer_init(&again, PYRO_TREE_RECORD_MAX);
    while (pyro_tree_decode(data, size, &record) == 1) {
        if (record.size > size || pack(&again, &record) < 0 || again.size != record.size ||
            memcmp(pyro_buffer_data(&again), data, record.size) != 0)
            abort();
        pyro_buffer_consume(&again, again.size);
        data += record.size;
        size -= record.size;
    }
    pyro_buffer_finish(&again);
    return 0;
}
