#include "environment/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"

enum { HEADER_SIZE = 110 };

/* Header and name, and the data after them, each end on a multiple of four. */
static int pad(int fd, size_t size)
{
    static const char zeros[4];
    return pyro_fd_write_all(fd, zeros, (4 - size % 4) % 4);
}

int pyro_cpio_add(struct pyro_cpio *cpio, const char *name, mode_t mode, dev_t device,
                  const void *bytes, size_t size)
{
    char header[HEADER_SIZE + 1];
    size_t name_size = strlen(name) + 1;
    if (size > INT32_MAX)
        return -EFBIG;
    snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             ++cpio->entries, (unsigned)mode, 0U, 0U, 1U, 0U, (unsigned)size, 0U, 0U, major(device),
             minor(device), (unsigned)name_size, 0U);
    int r = pyro_fd_write_all(cpio->fd, header, HEADER_SIZE);
    if (r == 0)
        r = pyro_fd_write_all(cpio->fd, name, name_size);
    if (r == 0)
        r = pad(cpio->fd, HEADER_SIZE + name_size);
    if (r == 0)
        r = pyro_fd_write_all(cpio->fd, bytes, size);
    return r == 0 ? pad(cpio->fd, size) : r;
}

int pyro_cpio_end(struct pyro_cpio *cpio)
{
    return pyro_cpio_add(cpio, "TRAILER!!!", 0, 0, NULL, 0);
}
