/* The virtio-serial port to the supervisor: frames in, frames out. */
#ifndef PYRO_GUEST_PORT_H
#define PYRO_GUEST_PORT_H

#include "base/buffer.h"
#include "base/loop.h"
#include "wire/frame.h"

enum {
    PYRO_PORT_OUT_MAX = 1024 * 1024,
    /* Above this, commands' output stays in their pipes. */
    PYRO_PORT_OUT_HIGH = 512 * 1024,
    /* Room that must be left before the next frame from the host is looked at: its answer fits. */
    PYRO_PORT_OUT_RESERVE = 16 * 1024,
};

struct pyro_agent;

struct pyro_port {
    struct pyro_source source;
    bool connected;
    struct pyro_buffer in, out;
};

/* Waits for the port, opens it and watches it. Ends the VM when there is none. */
void pyro_port_open(struct pyro_port *port, struct pyro_agent *agent);

/* Overwrites what lies in the incoming buffer from frames that were handled: SETUP's entropy, and
 * what commands were given. */
void pyro_port_wipe(struct pyro_port *port);

/* Sends what there is, as far as the host takes it. */
void pyro_port_write(struct pyro_port *port);

/* Called once at the end of each turn of the loop, so that the frames of one turn leave together.
 */
void pyro_port_flush(struct pyro_port *port);

#endif
