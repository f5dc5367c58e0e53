/* Running mmdebstrap: a file system as a tar archive, from the distribution's signed packages. */
#ifndef PYRO_ENVIRONMENT_BUILDER_H
#define PYRO_ENVIRONMENT_BUILDER_H

#include "environment/pull.h"

/* Builds the pull's environment into `tar_fd`, an empty file. What mmdebstrap says is kept in
 * build.log in the staging directory. Returns when mmdebstrap and all that it started are gone.
 * PYRO_ERROR_PULL_FAILED with its last words, _DISK_FULL, _MISSING_PROGRAM, _CANCELLED. */
int pyro_builder_run(struct pyro_pull *pull, int tar_fd, struct pyro_error *error);

/* The shell script that mmdebstrap runs when the base system lies unpacked but is not installed
 * yet: keeps the translations that no agent reads out of it and of all that follows. Its argument
 * is the root directory. */
extern const char pyro_builder_extract_hook[];

/* The shell script that mmdebstrap runs when all packages are installed. Its argument is the root
 * directory; the environment variable KERNEL_PACKAGE names the kernel, SOURCE_PACKAGES=yes asks for
 * the sources' places. */
extern const char pyro_builder_hook[];

#endif
