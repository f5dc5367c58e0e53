#include "guest/tree_window.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

/* One huge page: it lies in one piece, the kernel never moves it, and when we are killed it returns
 * to the pool of such pages, where a host that writes into it a moment later does no harm. */
enum { SIZE = 2 * 1024 * 1024, NUMBER_MAX = 32 };

static long read_number(const char *path)
{
    cleanup_free char *text = NULL;
    return pyro_file_read_at(AT_FDCWD, path, NUMBER_MAX, &text, NULL) < 0 ? -1 : atol(text);
}

/* Makes the pool one page larger, unless one is free. The page stays in it. */
static void reserve_page(void)
{
    static const char pool[] = "/proc/sys/vm/nr_hugepages";
    if (read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") != 0)
        return;
    cleanup_close int fd = open(pool, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        dprintf(fd, "%ld", read_number(pool) + 1);
}

/* Where the kernel has put it: proc_pid_pagemap(5). 0: it does not tell. */
static uint64_t address_of(const void *memory)
{
    enum { PAGE = 4096 };
    static const uint64_t present = (uint64_t)1 << 63, frame_mask = ((uint64_t)1 << 55) - 1;
    uint64_t entry;
    cleanup_close int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    off_t at = (off_t)((uintptr_t)memory / PAGE * sizeof(entry));
    if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry) || !(entry & present))
        return 0;
    return (entry & frame_mask) * PAGE;
}

void pyro_tree_memory_open(struct pyro_tree_memory *memory)
{
    struct pyro_tree_window *window = &memory->window;
    *memory = (struct pyro_tree_memory){0};
    reserve_page();
    uint8_t *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
    uint64_t address = bytes == MAP_FAILED ? 0 : address_of(bytes);
    if (address == 0 || getrandom(window->mark, sizeof(window->mark), 0) != sizeof(window->mark))
        return;
    memcpy(bytes, window->mark, sizeof(window->mark));
    window->address = address;
    window->size = SIZE;
    memory->bytes = bytes;
}

const uint8_t *pyro_tree_memory_next(struct pyro_tree_memory *memory, uint32_t *ret_size)
{
    uint32_t size = memory->window.size / PYRO_TREE_WINDOW_SLICES;
    const uint8_t *slice = memory->bytes ? memory->bytes + memory->next * size : NULL;
    memory->next = (memory->next + 1) % PYRO_TREE_WINDOW_SLICES;
    *ret_size = size;
    return slice;
}
