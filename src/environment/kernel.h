/* The host's share of a build: the kernel, the modules that the agent loads, and what to say about
 * them. */
#ifndef PYRO_ENVIRONMENT_KERNEL_H
#define PYRO_ENVIRONMENT_KERNEL_H

#include <stdint.h>

#include "base/error.h"

/* The kernel's file: as QEMU starts it fastest, or as it came when it cannot be unpacked. */
#define PYRO_KERNEL_PLAIN "vmlinux"
#define PYRO_KERNEL_PACKED "vmlinuz"

struct pyro_kernel_facts {
    const char *file; /* one of the two */
    char version[128];
    unsigned package_count;
};

/* Takes the kernel and its modules out of the archive, and writes the kernel's file and
 * modules.cpio into the directory. */
int pyro_kernel_extract(int tar_fd, int directory, struct pyro_kernel_facts *ret_facts,
                        struct pyro_error *error);

#endif
