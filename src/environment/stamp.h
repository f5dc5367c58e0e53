/* Remembers which files had which digest when it was last computed, so that a start need not read
 * half a gigabyte. A file whose inode, size or times differ from what is remembered is read again.
 */
#ifndef PYRO_ENVIRONMENT_STAMP_H
#define PYRO_ENVIRONMENT_STAMP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Reads the stamp; an empty object when there is none or it is not fit for use. NULL: out of
 * memory. */
json_t *pyro_stamp_load(int directory);

/* Whether the stamp vouches that the file in this state has this digest. */
bool pyro_stamp_holds(const json_t *stamp, const char *file, const struct stat *status,
                      const char *digest);

/* Takes down that it has. 0 or -ENOMEM. */
int pyro_stamp_set(json_t *stamp, const char *file, const struct stat *status, const char *digest);

/* Writes the stamp. Losing it costs only time, so nobody needs to know when this fails. */
void pyro_stamp_store(int directory, const json_t *stamp);

#endif
