/* A tar archive becomes a root file system's image. */
#ifndef PYRO_ENVIRONMENT_IMAGE_H
#define PYRO_ENVIRONMENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What the host wants from a build travels below this name and stays out of the guest's image. */
#define PYRO_HOST_PART ".pyro"

/* Whether a name of the archive is for the host. */
bool pyro_image_leaves_out(const char *path);

/* Called every so often with how much of the archive is read; anything but 0 stops the writing with
 * PYRO_ERROR_CANCELLED. */
typedef int (*pyro_image_progress)(void *userdata, uint64_t done_bytes, uint64_t total_bytes);

/* Reads the archive twice: for its size and then for its content. The archive may be hostile: what
 * does not fit a file system is an error, and the file is then of no use. `progress` may be NULL.
 */
int pyro_image_write(int tar_fd, const char *path, pyro_image_progress progress, void *userdata,
                     struct pyro_error *error);

#endif
