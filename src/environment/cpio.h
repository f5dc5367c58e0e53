/* The "newc" archives that the kernel unpacks at boot. */
#ifndef PYRO_ENVIRONMENT_CPIO_H
#define PYRO_ENVIRONMENT_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One archive being written. Archives may stand one after the other in a file. */
struct pyro_cpio {
    int fd;
    unsigned entries;
};

/* Adds one entry with its data; `device` is a device node's. 0 or a negative errno. */
int pyro_cpio_add(struct pyro_cpio *cpio, const char *name, mode_t mode, dev_t device,
                  const void *bytes, size_t size);

/* Ends the archive. */
int pyro_cpio_end(struct pyro_cpio *cpio);

#endif
