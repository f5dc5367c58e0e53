/* What reading a tar archive takes with libarchive, whoever reads it: names are bytes, and nobody
 * vouches for them. */
#ifndef PYRO_ENVIRONMENT_TAR_H
#define PYRO_ENVIRONMENT_TAR_H

#include <archive.h>
#include <archive_entry.h>

enum {
    PYRO_TAR_PATH_MAX = 4095,
};

/* archive_read_next_header(), with names as they are in the archive. */
int pyro_tar_next_header(struct archive *archive, struct archive_entry **ret_entry);

/* Writes the name of an entry or of a link's target in its one plain form: relative, components
 * separated by one '/', none of them "." or ".."; empty for the root itself. Returns NULL, or what
 * is wrong with it: "an absolute name". */
const char *pyro_tar_clean_path(const char *path, char ret_path[PYRO_TAR_PATH_MAX + 1]);

#endif
