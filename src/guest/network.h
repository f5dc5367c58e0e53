/* Addresses and links, without any program in the guest. */
#ifndef PYRO_GUEST_NETWORK_H
#define PYRO_GUEST_NETWORK_H

#include "wire/message.h"

/* Each returns 0 or a negative errno. */
int pyro_network_up(const char *interface);

/* Takes the card down if there is one, which drops its routes and neighbours. */
void pyro_network_down(void);

/* MAC, address, and default route of the one network card. Replaces what was set before. */
int pyro_network_configure(const struct pyro_setup *setup);

#endif
