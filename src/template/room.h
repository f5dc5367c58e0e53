/* The directory of all templates: what lies there, the locks, what is remembered of them. */
#ifndef PYRO_TEMPLATE_ROOM_H
#define PYRO_TEMPLATE_ROOM_H

#include "template/key.h"

#define PYRO_TEMPLATE_STAGING_PREFIX ".new-"

/* HOME/templates. A descriptor or a negative errno. */
int pyro_templates_open(const struct pyro_home *home);

/* NAME.SUFFIX, locked. `operation` as in flock(2). A descriptor or a negative errno,
 * -EWOULDBLOCK when another process holds it. */
int pyro_template_lock(int templates, const char *name, const char *suffix, int operation);

/* The descriptor of one that can be used, or -ENOENT when there is none, or another negative errno
 * with the reason as text: damaged, touched, of something else. `ret_made_at` may be NULL. */
int pyro_template_open(int templates, const struct pyro_template_key *key, uint32_t tsc_khz,
                       double *ret_made_at, char *reason, size_t reason_size);

/* Whether there is a template of the same environment and shape that something else was made of. */
bool pyro_template_has_elder(int templates, const struct pyro_template_key *key);

/* Reads and checks a manifest as far as it can be without a key. A new reference or NULL. */
json_t *pyro_template_manifest_read(int templates, const char *name);
/* Writes it, with the state of the files as it is now. 0 or a negative errno. */
int pyro_template_manifest_write(int staging, json_t *manifest);

/* The files of a template besides its manifest, NULL-terminated. */
extern const char *const pyro_template_files[];

/* Takes templates away, the least recently used first and never one in use, until all together take
 * at most the limit less `room_bytes`. `keep` (may be NULL) is the name of one that stays. */
void pyro_template_evict(int templates, uint64_t room_bytes, const char *keep);

/* Epoch seconds of the last use, or of the making before the first; 0 when it cannot be told. */
double pyro_template_last_use(int templates, const char *name);

#endif
