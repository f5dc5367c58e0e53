/* How large an image must be, found by reading an archive's headers. */
#ifndef PYRO_ENVIRONMENT_IMAGE_PLAN_H
#define PYRO_ENVIRONMENT_IMAGE_PLAN_H

#include <stdint.h>

#include "base/error.h"

struct pyro_image_plan {
    uint64_t blocks; /* for files and directories, rather too many than too few */
    uint64_t inodes;
};

/* Refuses archives whose content is larger than a guest's disk. */
int pyro_image_plan_make(int tar_fd, struct pyro_image_plan *ret_plan, struct pyro_error *error);

#endif
