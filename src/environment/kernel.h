/* The host's share of a build: the kernel, the modules that the agent loads, and what to say about
 * them. */
#ifndef PYRO_ENVIRONMENT_KERNEL_H
#define PYRO_ENVIRONMENT_KERNEL_H

#include <stdint.h>

#include "base/error.h"

struct pyro_kernel_facts {
    char version[128];
    unsigned package_count;
};

/* Takes vmlinuz and modules.cpio out of the archive and writes them into the directory. */
int pyro_kernel_extract(int tar_fd, int directory, struct pyro_kernel_facts *ret_facts,
                        struct pyro_error *error);

#endif
