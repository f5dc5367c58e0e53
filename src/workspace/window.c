#include "workspace/window.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* Whether the window begins at this offset of the file. */
static bool is_at(const struct pyro_window *window, const struct pyro_tree_window *offered,
                  uint64_t offset)
{
    uint8_t mark[PYRO_TREE_MARK_SIZE];
    struct stat status;
    return fstat(window->memory, &status) == 0 && offset <= (uint64_t)status.st_size &&
           offered->size <= (uint64_t)status.st_size - offset &&
           pread(window->memory, mark, sizeof(mark), (off_t)offset) == sizeof(mark) &&
           memcmp(mark, offered->mark, sizeof(mark)) == 0;
}

/* Memory of a microvm begins at address 0; what does not fit below 3 GiB lies above 4 GiB. */
void pyro_window_take(struct pyro_window *window, const struct pyro_tree_window *offered)
{
    static const uint64_t gib = (uint64_t)1 << 30, above = 4 * gib, below = 3 * gib;
    uint64_t offset =
        offered->address < above ? offered->address : offered->address - above + below;
    window->is_known = true;
    if (offered->size / PYRO_TREE_WINDOW_SLICES < PYRO_TREE_DATA_MAX ||
        !is_at(window, offered, offset))
        return;
    window->start = offset;
    window->slice_size = offered->size / PYRO_TREE_WINDOW_SLICES;
}

bool pyro_window_give_back(struct pyro_window *window)
{
    if (window->taken == window->placed)
        return false;
    window->taken++;
    return true;
}

/* Whether DATA goes on where the one before ended is not known before it is there: it may need a
 * slice of its own besides the one that is being filled. */
bool pyro_window_has_room(const struct pyro_window *window)
{
    unsigned busy = window->placed - window->taken + (window->used > 0);
    return busy < PYRO_TREE_WINDOW_SLICES;
}

int pyro_window_flush(struct pyro_window *window, struct pyro_buffer *out)
{
    const struct pyro_tree_placed placed = {.offset = window->file_offset, .size = window->used};
    if (window->used == 0)
        return 0;
    window->used = 0;
    window->placed++;
    return pyro_tree_placed_pack(out, &placed);
}

int pyro_window_put(struct pyro_window *window, const struct pyro_tree_data *data,
                    struct pyro_buffer *out)
{
    bool goes_on = data->offset == window->file_offset + window->used &&
                   data->size <= window->slice_size - window->used;
    int r = goes_on ? 0 : pyro_window_flush(window, out);
    if (r < 0)
        return r;
    if (window->used == 0)
        window->file_offset = data->offset;
    uint64_t slice = window->placed % PYRO_TREE_WINDOW_SLICES;
    r = pyro_fd_write_all_at(window->memory, data->bytes, data->size,
                             window->start + slice * window->slice_size + window->used);
    window->used += data->size;
    return r;
}
