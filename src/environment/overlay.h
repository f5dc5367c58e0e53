/* The empty overlay that every VM starts with a copy of. */
#ifndef PYRO_ENVIRONMENT_OVERLAY_H
#define PYRO_ENVIRONMENT_OVERLAY_H

#include "base/error.h"

/* Makes DIRECTORY/overlay.qcow2 over rootfs.ext4 beside it. PYRO_ERROR_MISSING_PROGRAM. */
int pyro_overlay_create(const char *directory, struct pyro_error *error);

#endif
