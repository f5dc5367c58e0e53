/* A tree on the host that is to be pushed: a directory, or a tar archive that nobody vouches for.
 */
#ifndef PYRO_WORKSPACE_SOURCE_H
#define PYRO_WORKSPACE_SOURCE_H

#include <jansson.h>

#include "base/error.h"
#include "base/home.h"
#include "wire/tree.h"

enum {
    PYRO_SOURCE_ENTRIES_MAX = 1000000,
};
/* What all files of one source have together at most, as far as it is data and not holes: the
 * guest's disk holds no more. */
#define PYRO_SOURCE_BYTES_MAX ((uint64_t)16 << 30)

struct pyro_tree_source;

/* Opens `path`, a directory or a file named *.tar, *.tar.gz or *.tgz. Errors name `field` (the
 * parameter that the path came from) and say what is wrong and what to do. */
int pyro_tree_source_open(const struct pyro_home *home, const char *path, const char *field,
                          struct pyro_tree_source **ret_source, struct pyro_error *error);
/* The same of what somebody has opened already (O_PATH will do) and keeps: `path` is how it is
 * called. */
int pyro_tree_source_open_held(const struct pyro_home *home, int held, const char *path,
                               const char *field, struct pyro_tree_source **ret_source,
                               struct pyro_error *error);
void pyro_tree_source_close(struct pyro_tree_source *source);

/* What has one of these names is left out of a directory, however deep, with all below it; the root
 * itself was named. `names` ends with NULL and stays the caller's. */
void pyro_tree_source_leave_out(struct pyro_tree_source *source, const char *const *names);
/* The paths that were left out so far, the first hundred; borrowed, NULL: none. */
json_t *pyro_tree_source_left_out(const struct pyro_tree_source *source);

/* "directory" or "tar_archive". */
const char *pyro_tree_source_mode(const struct pyro_tree_source *source);

/* The next record: ENTRY, DATA, DONE (always 0: what could not be read whole is an error), and at
 * the end TIMES for each directory, innermost first. The root itself is no ENTRY. 1; 0 at the end;
 * -1 and an error that names the entry. Pointers are good until the next call. */
int pyro_tree_source_next(struct pyro_tree_source *source, struct pyro_tree_record *ret_record,
                          struct pyro_error *error);

#endif
