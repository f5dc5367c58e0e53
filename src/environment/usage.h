/* What a file or a tree really takes on disk. */
#ifndef PYRO_ENVIRONMENT_USAGE_H
#define PYRO_ENVIRONMENT_USAGE_H

#include <stdint.h>

/* Bytes of a file, or of a directory and all below it, holes not counted. What cannot be read
 * counts as nothing; symlinks are not followed. */
uint64_t pyro_usage_at(int directory, const char *path);

#endif
