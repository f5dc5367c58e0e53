/* The making itself, for who holds the lock. */
#ifndef PYRO_TEMPLATE_MAKE_H
#define PYRO_TEMPLATE_MAKE_H

#include "template/room.h"

/* The caller holds NAME.lock. Does nothing when a usable template is there. */
int pyro_template_make_locked(const struct pyro_template_source *source,
                              const struct pyro_template_key *key, int templates,
                              const struct pyro_observer *observer, struct pyro_error *error);

#endif
