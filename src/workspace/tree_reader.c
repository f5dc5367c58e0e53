#include "workspace/tree_reader.h"

#include "base/macros.h"

void pyro_tree_reader_init(struct pyro_tree_reader *reader,
                           int (*take)(void *userdata, const struct pyro_tree_record *record,
                                       struct pyro_error *error),
                           void *userdata)
{
    *reader = (struct pyro_tree_reader){.take = take, .userdata = userdata};
    pyro_buffer_init(&reader->rest, (size_t)2 * PYRO_TREE_RECORD_MAX);
}

void pyro_tree_reader_finish(struct pyro_tree_reader *reader)
{
    pyro_buffer_finish(&reader->rest);
}

int pyro_tree_nonsense(struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                          "the guest answered with something that is no file tree");
}

static int fail_broken(struct pyro_tree_reader *reader, struct pyro_error *error)
{
    reader->broken = true;
    return pyro_tree_nonsense(error);
}

/* Hands on the whole records that lie there. */
static int take_whole(struct pyro_tree_reader *reader, const uint8_t *bytes, size_t size,
                      size_t *ret_used, struct pyro_error *error)
{
    struct pyro_tree_record record;
    int r;
    *ret_used = 0;
    while ((r = pyro_tree_decode(bytes + *ret_used, size - *ret_used, &record)) == 1) {
        if (reader->ended)
            return fail_broken(reader, error);
        *ret_used += record.size;
        reader->ended = record.type == PYRO_TREE_END;
        if (!reader->ended && reader->take(reader->userdata, &record, error) < 0)
            return -1;
    }
    return r < 0 ? fail_broken(reader, error) : 0;
}

int pyro_tree_reader_feed(struct pyro_tree_reader *reader, const uint8_t *bytes, size_t size,
                          struct pyro_error *error)
{
    struct pyro_buffer *rest = &reader->rest;
    size_t used;
    while (rest->size > 0 && size > 0) {
        size_t piece = MIN(size, pyro_buffer_room(rest));
        if (pyro_buffer_append(rest, bytes, piece) < 0)
            return pyro_error_no_memory(error);
        bytes += piece;
        size -= piece;
        if (take_whole(reader, pyro_buffer_data(rest), rest->size, &used, error) < 0)
            return -1;
        pyro_buffer_consume(rest, used);
    }
    if (size == 0)
        return 0;
    if (take_whole(reader, bytes, size, &used, error) < 0)
        return -1;
    /* What is left is less than one record, so it fits. */
    if (used < size && pyro_buffer_append(rest, bytes + used, size - used) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

int pyro_tree_reader_close(const struct pyro_tree_reader *reader, struct pyro_error *error)
{
    if (reader->ended && reader->rest.size == 0)
        return 0;
    return pyro_tree_nonsense(error);
}
