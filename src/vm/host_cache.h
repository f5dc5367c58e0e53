/* Verdicts that cost time, kept until the host boots again or what they are about changes. The file
 * is the user's to edit or delete: whatever is wrong with it counts as not there. */
#ifndef PYRO_VM_HOST_CACHE_H
#define PYRO_VM_HOST_CACHE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/home.h"

/* Tells one start of the host from the next; to be freed. NULL when the host does not tell. */
char *pyro_host_boot_id(void);

struct pyro_host_cache {
    json_t *verdicts; /* key → object with "of" and what was found */
    char *boot_id;    /* "" when the host does not tell: nothing is kept then */
    bool changed;
};

/* Never fails: at worst the cache is empty. */
void pyro_host_cache_load(struct pyro_host_cache *cache, const struct pyro_home *home);

/* What is known under `key` about `of` (for example a program's path and time), or NULL. Borrowed.
 */
const json_t *pyro_host_cache_get(const struct pyro_host_cache *cache, const char *key,
                                  const char *of);

/* Takes over `verdict`; NULL is ignored. */
void pyro_host_cache_put(struct pyro_host_cache *cache, const char *key, const char *of,
                         json_t *verdict);

/* Writes it if anything was put, as far as home lets it, and frees everything. */
void pyro_host_cache_finish(struct pyro_host_cache *cache, const struct pyro_home *home);

/* Path, size and time of a file as text that changes when the file does; to be freed. "" when there
 * is no such file, NULL when out of memory. */
char *pyro_host_cache_file_mark(const char *path);

#endif
