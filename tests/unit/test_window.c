/* The window into a guest's memory, with a file in the memory's place and a guest that lies. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macros.h"
#include "tap.h"
#include "workspace/window.h"

enum {
    MEMORY_SIZE = 8 * 1024 * 1024,
    WINDOW_SIZE = 2 * 1024 * 1024,
    SLICE = WINDOW_SIZE / PYRO_TREE_WINDOW_SLICES,
    START = 4 * 1024 * 1024,
    PIECE = PYRO_TREE_DATA_MAX,
};

static const struct pyro_tree_window good = {
    .address = START, .size = WINDOW_SIZE, .mark = "the mark of it."};

static struct pyro_window make(void)
{
    int memory = memfd_create("memory", MFD_CLOEXEC);
    ok(memory >= 0 && ftruncate(memory, MEMORY_SIZE) == 0 &&
           pwrite(memory, good.mark, sizeof(good.mark), START) == sizeof(good.mark),
       "a guest's memory");
    return (struct pyro_window){.memory = memory};
}

static bool accepts(struct pyro_tree_window offered)
{
    struct pyro_window window = make();
    pyro_window_take(&window, &offered);
    close(window.memory);
    return window.is_known && window.slice_size > 0;
}

static void test_offers(void)
{
    struct pyro_tree_window offered = good;
    ok(accepts(good), "one with its mark is used");
    offered.size = 0;
    ok(!accepts(offered), "none");
    offered.size = PYRO_TREE_WINDOW_SLICES * 4096;
    ok(!accepts(offered), "one that is too small for a piece of data");
    offered = good;
    offered.mark[3] ^= 1;
    ok(!accepts(offered), "one without its mark");
    offered = good;
    offered.address = START + 4096;
    ok(!accepts(offered), "one that is elsewhere");
    offered.address = MEMORY_SIZE - 4096;
    ok(!accepts(offered), "one that ends behind the memory");
    offered.address = (uint64_t)MEMORY_SIZE * 4;
    ok(!accepts(offered), "one behind the memory");
    offered.address = INT64_MAX - WINDOW_SIZE;
    ok(!accepts(offered), "one at the end of all addresses");
    offered.address = UINT64_MAX - 4095;
    ok(!accepts(offered), "one that wraps around");
}

static int put(struct pyro_window *window, uint64_t offset, int byte, uint32_t size,
               struct pyro_buffer *out)
{
    static uint8_t bytes[PIECE];
    memset(bytes, byte, size);
    const struct pyro_tree_data data = {.offset = offset, .bytes = bytes, .size = size};
    return pyro_window_put(window, &data, out);
}

/* The next PLACED of what was packed. */
static struct pyro_tree_placed placed(struct pyro_buffer *out)
{
    struct pyro_tree_record record = {0};
    ok(pyro_tree_decode(pyro_buffer_data(out), out->size, &record) == 1 &&
           record.type == PYRO_TREE_PLACED,
       "PLACED");
    pyro_buffer_consume(out, record.size);
    return record.placed;
}

static int byte_at(const struct pyro_window *window, uint64_t offset)
{
    uint8_t byte = 0;
    return pread(window->memory, &byte, 1, (off_t)(START + offset)) == 1 ? byte : -1;
}

static void test_slices(void)
{
    struct pyro_buffer out;
    struct pyro_window window = make();
    pyro_window_take(&window, &good);
    pyro_buffer_init(&out, 64 * 1024);
    is_int(pyro_window_flush(&window, &out), 0, "nothing to hand over");
    is_int(out.size, 0, "and nothing is");
    for (int i = 0; i < SLICE / PIECE; i++)
        put(&window, (uint64_t)i * PIECE, 'a', PIECE, &out);
    is_int(out.size, 0, "a slice is full before it is handed over");
    put(&window, SLICE, 'b', PIECE, &out);
    struct pyro_tree_placed first = placed(&out);
    is_int(first.offset, 0, "from the start of the file");
    is_int(first.size, SLICE, "all of it");
    put(&window, 10 * SLICE, 'c', 100, &out); /* behind a hole */
    struct pyro_tree_placed second = placed(&out);
    is_int(second.offset, SLICE, "the second goes on there");
    is_int(second.size, PIECE, "as far as it came");
    pyro_window_flush(&window, &out);
    struct pyro_tree_placed third = placed(&out);
    ok(third.offset == 10 * SLICE && third.size == 100, "what is left at the end");
    ok(byte_at(&window, SLICE - 1) == 'a' && byte_at(&window, SLICE) == 'b' &&
           byte_at(&window, 2 * SLICE + 99) == 'c' && byte_at(&window, 2 * SLICE + 100) == 0,
       "each lies in its slice");

    ok(pyro_window_has_room(&window), "one slice is left");
    put(&window, 20 * SLICE, 'd', 1, &out);
    ok(!pyro_window_has_room(&window), "what comes next might need another one");
    ok(pyro_window_give_back(&window) && pyro_window_has_room(&window), "the guest gives one back");
    put(&window, 30 * SLICE, 'e', 1, &out);
    ok(byte_at(&window, 3 * SLICE) == 'd' && byte_at(&window, 0) == 'e', "which is used again");
    ok(pyro_window_give_back(&window) && pyro_window_give_back(&window) &&
           pyro_window_give_back(&window) && !pyro_window_give_back(&window),
       "it cannot give back more than it got");
    close(window.memory);
    pyro_buffer_finish(&out);
}

static void test_memory_that_cannot_be_written(void)
{
    struct pyro_buffer out;
    struct pyro_window window = make();
    pyro_window_take(&window, &good);
    pyro_buffer_init(&out, 64 * 1024);
    close(window.memory);
    is_int(put(&window, 0, 'a', 1, &out), -EBADF, "is told");
    pyro_buffer_finish(&out);
}

int main(void)
{
    test_offers();
    test_slices();
    test_memory_that_cannot_be_written();
    return tap_done();
}
