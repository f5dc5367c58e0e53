/* Forks. A program with threads may fork, as Python's multiprocessing does, while one of them is in
 * SQLite: the copy would wait for ever for locks that nobody holds there. And a connection must not
 * be carried into a copy at all: https://www.sqlite.org/howtocorrupt.html, "Carrying an open
 * database connection across a fork". So a fork waits until nobody is in the store, and closes all
 * connections; they are opened again when they are needed. */
#ifndef PYRO_STORE_GATE_H
#define PYRO_STORE_GATE_H

#include "store/database.h"

/* Keeps forks out until pyro_store_leave(). A thread enters once at a time. */
int pyro_store_gate_enter(void);
/* The same, with a connection. A value for pyro_store_leave(), or -1 and an error. */
int pyro_store_enter(struct pyro_store *store, struct pyro_error *error);
void pyro_store_leave(const int *entered);
#define cleanup_store_gate __attribute__((cleanup(pyro_store_leave), unused))

/* Inside of the gate: that it is connected, or not any more. */
void pyro_store_gate_add(struct pyro_store *store);
void pyro_store_gate_remove(struct pyro_store *store);

#endif
