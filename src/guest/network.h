/* Addresses and links, without any program in the guest. */
#ifndef PYRO_GUEST_NETWORK_H
#define PYRO_GUEST_NETWORK_H

#include "wire/message.h"

/* Each returns 0 or a negative errno. */
int pyro_network_up(const char *interface);

/* SEAL: sets the card up anew if there is one, so that the next SETUP need only change what
 * differs. */
void pyro_network_seal(void);

/* MAC, address, and default route of the one network card. Replaces what was set before. */
int pyro_network_configure(const struct pyro_setup *setup);

#endif
