/* The manifest of an installation: what was built, and the digest of each of its files. Both it and
 * the stamp beside it lie where a user can edit them, so neither is believed before it is checked.
 */
#ifndef PYRO_ENVIRONMENT_MANIFEST_H
#define PYRO_ENVIRONMENT_MANIFEST_H

#include <jansson.h>

#include "environment/environment.h"
#include "environment/kernel.h"

/* Computes the digests of the files in `directory`, syncs them, and writes manifest and stamp. */
int pyro_manifest_write(int directory, const struct pyro_environment *environment,
                        const struct pyro_kernel_facts *facts, struct pyro_error *error);

/* Reads and checks the manifest, then each file against it. A new reference, or NULL and
 * PYRO_ERROR_NOT_INSTALLED (of another recipe), PYRO_ERROR_ENVIRONMENT_DAMAGED. */
json_t *pyro_manifest_load(int directory, const struct pyro_environment *environment,
                           struct pyro_error *error);

/* The kernel's file as a manifest that was loaded has it. */
const char *pyro_manifest_kernel(const json_t *manifest);

/* SHA-256 of a file as a manifest that was loaded has it. */
const char *pyro_manifest_digest(const json_t *manifest, const char *file);

#endif
