/* The guest's identity: time, entropy, names, network. */
#ifndef PYRO_GUEST_SETUP_H
#define PYRO_GUEST_SETUP_H

#include "wire/message.h"

/* Puts all of it in force. Can be done again, which a guest restored from a template needs.
 * `received_ns` is when SETUP came, on the monotonic clock: the time it tells was right then.
 * `ret_done` says which step failed, and why; its error is 0 when all is done. */
void pyro_setup_apply(const struct pyro_setup *setup, uint64_t received_ns,
                      struct pyro_setup_done *ret_done);

#endif
