#include "guest/tree_content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

void pyro_tree_content_begin(struct pyro_tree_content *content, int fd, uint64_t size)
{
    content->fd = fd;
    content->size = size;
    content->end = 0;
    content->large = size >= PYRO_TREE_LARGE;
    content->direct = false;
    content->block_used = 0;
}

/* False where the file system cannot do without the page cache. */
static bool set_direct(struct pyro_tree_content *content, bool direct)
{
    if (content->direct != direct && fcntl(content->fd, F_SETFL, direct ? O_DIRECT : 0) < 0)
        return false;
    content->direct = direct;
    return true;
}

static int write_block(struct pyro_tree_content *content, const uint8_t *bytes, size_t size,
                       uint64_t offset)
{
    bool aligned = size % PYRO_TREE_ALIGNMENT == 0 && offset % PYRO_TREE_ALIGNMENT == 0;
    if (aligned && set_direct(content, true)) {
        int r = pyro_fd_write_all_at(content->fd, bytes, size, offset);
        if (r != -EINVAL)
            return r;
    }
    set_direct(content, false);
    return pyro_fd_write_all_at(content->fd, bytes, size, offset);
}

static int flush(struct pyro_tree_content *content)
{
    size_t size = content->block_used;
    content->block_used = 0;
    return size > 0 ? write_block(content, content->block, size, content->block_offset) : 0;
}

/* Puts up to `most` bytes of the data behind `done` into the block; how many, or a negative errno.
 */
static long fill(struct pyro_tree_content *content, const struct pyro_tree_data *data,
                 uint32_t done, size_t most, struct pyro_tree_input *in)
{
    uint8_t *to = content->block + content->block_used;
    size_t left = data->size - done;
    if (left <= in->missing) {
        size_t size = MIN(most, left);
        int r = pyro_tree_input_read(in, to, size);
        return r < 0 ? r : (long)size;
    }
    size_t size = MIN(most, left - in->missing);
    memcpy(to, data->bytes + done, size);
    return (long)size;
}

/* Blocks begin where runs do and end at multiples of their size, so that all but the ends of a run
 * are aligned. */
static int gather(struct pyro_tree_content *content, const struct pyro_tree_data *data,
                  struct pyro_tree_input *in)
{
    int r = content->end != data->offset ? flush(content) : 0;
    for (uint32_t done = 0; r == 0 && done < data->size;) {
        if (content->block_used == 0)
            content->block_offset = data->offset + done;
        size_t room = PYRO_TREE_BLOCK_SIZE - content->block_offset % PYRO_TREE_BLOCK_SIZE;
        long size = fill(content, data, done, room - content->block_used, in);
        if (size < 0)
            return (int)size;
        content->block_used += (size_t)size;
        done += (uint32_t)size;
        if (content->block_used == room)
            r = flush(content);
    }
    return r;
}

static bool is_next(const struct pyro_tree_content *content, uint64_t offset, uint32_t size)
{
    return offset >= content->end && offset + size <= content->size;
}

int pyro_tree_content_write(struct pyro_tree_content *content, const struct pyro_tree_data *data,
                            struct pyro_tree_input *in)
{
    if (!is_next(content, data->offset, data->size))
        return -EPROTO;
    int r = content->large
                ? gather(content, data, in)
                : pyro_fd_write_all_at(content->fd, data->bytes, data->size, data->offset);
    content->end = data->offset + data->size;
    return r;
}

int pyro_tree_content_place(struct pyro_tree_content *content, uint64_t offset,
                            const uint8_t *bytes, uint32_t size)
{
    if (!is_next(content, offset, size))
        return -EPROTO;
    int r = flush(content);
    content->end = offset + size;
    return r < 0 ? r : write_block(content, bytes, size, offset);
}

int pyro_tree_content_end(struct pyro_tree_content *content)
{
    int r = flush(content);
    if (r == 0 && content->end < content->size && ftruncate(content->fd, (off_t)content->size) < 0)
        r = -errno;
    return r;
}
