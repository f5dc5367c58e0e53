/* Reading a tar archive whose content nobody vouches for: entries one by one, with names that have
 * been checked. Errors are PYRO_ERROR_PULL_FAILED and say which entry. */
#ifndef PYRO_ENVIRONMENT_TARBALL_H
#define PYRO_ENVIRONMENT_TARBALL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "environment/tar.h"

/* No file of a guest's disk can be larger than the disk. */
#define PYRO_TAR_FILE_MAX ((int64_t)16 << 30)

struct pyro_tarball {
    struct archive *archive;
    struct archive_entry *entry;
    int fd;
    uint64_t size_bytes;
    /* Of the entry: relative, components separated by one '/', none of them "." or ".."; empty for
     * the root itself. */
    char path[PYRO_TAR_PATH_MAX + 1];
};

/* Reads from `fd`, a file that stays open and belongs to the caller, from its start. */
int pyro_tarball_open(struct pyro_tarball *tarball, int fd, struct pyro_error *error);
void pyro_tarball_finish(struct pyro_tarball *tarball);

/* Goes to the next entry. 1, 0 at the end, -1 and an error. */
int pyro_tarball_next(struct pyro_tarball *tarball, struct pyro_error *error);

/* The next run of the entry's data: 1, 0 at the end, -1 and an error. Runs are in order, lie within
 * the entry's size, and what is between them is zeros. */
int pyro_tarball_read(struct pyro_tarball *tarball, const void **ret_bytes, size_t *ret_size,
                      int64_t *ret_offset, struct pyro_error *error);

/* The whole data of the entry, to be freed. An error when it is larger than `cap`. */
int pyro_tarball_read_all(struct pyro_tarball *tarball, size_t cap, uint8_t **ret_bytes,
                          size_t *ret_size, struct pyro_error *error);

/* Writes the name of a link's target like `path` into `target` (PYRO_TAR_PATH_MAX + 1 bytes). */
int pyro_tarball_clean_path(const char *path, char *target, struct pyro_error *error);

#endif
