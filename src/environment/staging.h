/* Where a pull builds: HOME/environments/.pull-SLUG, which becomes HOME/environments/SLUG by a
 * rename. Whoever holds the lock of SLUG owns that name, so anything found there by the next holder
 * is the remains of a pull that died. */
#ifndef PYRO_ENVIRONMENT_STAGING_H
#define PYRO_ENVIRONMENT_STAGING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/home.h"

#define PYRO_STAGING_PREFIX ".pull-"

struct pyro_staging {
    int environments; /* HOME/environments */
    int directory;    /* the staging directory */
    char *name, *path;
    char *work; /* where mmdebstrap may unpack */
};

/* Opens HOME/environments. A descriptor or a negative errno. */
int pyro_environments_open(const struct pyro_home *home);

/* Takes HOME/environments/SLUG.SUFFIX as a lock. `operation` as in flock(2). A descriptor or a
 * negative errno, -EWOULDBLOCK when another process holds it. */
int pyro_environment_lock_file(int environments, const char *slug, const char *suffix,
                               int operation);

/* Makes an empty staging directory. The caller holds the lock of SLUG. */
int pyro_staging_create(struct pyro_staging *staging, const struct pyro_home *home,
                        const char *slug, struct pyro_error *error);

/* Puts it in the place of HOME/environments/SLUG, in one step. What was there is left as the
 * staging directory. 0 or a negative errno. */
int pyro_staging_install(struct pyro_staging *staging, const char *slug);

/* Removes what is left of it and frees the struct. */
void pyro_staging_finish(struct pyro_staging *staging);

/* The same for somebody who does not want to wait for a slow disk: what takes longer than a moment
 * goes on in a process of its own, which holds `lock`, that of SLUG, until it is done. */
void pyro_staging_abandon(struct pyro_staging *staging, int lock);

/* Removes a staging directory by its name, and the work directory that belongs to it. 0 or a
 * negative errno. */
int pyro_staging_remove(int environments, const char *name);

#endif
