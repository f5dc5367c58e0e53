/* Where pyro keeps its things on this host, and where its own programs are. Handed down to whoever
 * needs a path; there are no process-wide variables.
 *
 *   HOME/store.sqlite        what exists
 *   HOME/environments/SLUG/  installed environments
 *   HOME/templates/NAME/     frozen guests that new ones are clones of
 *   HOME/vms/VM_ID/          one directory per VM (its bundle)
 *   HOME/cache/              verdicts that hold until the next boot of the host
 */
#ifndef PYRO_BASE_HOME_H
#define PYRO_BASE_HOME_H

#include "base/error.h"

struct pyro_home {
    char *path;       /* absolute */
    char *libexec;    /* directory that holds pyro-agent and pyro-supervisor, absolute */
    int directory_fd; /* of `path`, -1 before pyro_home_create() */
};

/* Decides where home is (argument, else $PYRO_HOME, $XDG_DATA_HOME/pyro, ~/.local/share/pyro) and
 * where the programs should be. Touches nothing on disk. PYRO_ERROR_HOME_UNUSABLE. */
int pyro_home_init(struct pyro_home *home, const char *path, const char *libexec,
                   struct pyro_error *error);

/* Makes home and its subdirectories (0700) and opens it; does nothing the second time. */
int pyro_home_create(struct pyro_home *home, struct pyro_error *error);

void pyro_home_finish(struct pyro_home *home);

#endif
