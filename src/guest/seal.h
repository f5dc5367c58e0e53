/* The guest becomes a template: it is frozen next, and every guest of its environment starts as a
 * copy of it. */
#ifndef PYRO_GUEST_SEAL_H
#define PYRO_GUEST_SEAL_H

#include "guest/agent.h"

/* Ends and removes what commands left, forgets the identity, and does ahead what every copy would
 * have to do by itself. Ends the VM when something cannot be cleaned up. */
void pyro_seal(struct pyro_agent *agent);

#endif
