/* Spares: guests that a long-lived front keeps ready, so that vm_run and workspace_create need not
 * wait for QEMU. There is at most one for VMs of one use and one for workspaces, each of the shape
 * that was used last; under emulation it has run its environment's warm-up since its restore, so
 * that its translation cache is hot. One that nobody takes is given back. A spare is a one-shot VM
 * of this process: if that dies, nothing is left. */
#ifndef PYRO_OPERATION_SPARE_H
#define PYRO_OPERATION_SPARE_H

#include "operation/vm_support.h"

struct pyro_spares;

/* Nothing is started before the first pyro_spare_prepare(). `keep_seconds`: how long an unused one
 * is kept. PYRO_ERROR_SYSTEM. */
int pyro_spares_create(unsigned keep_seconds, struct pyro_spares **ret_spares,
                       struct pyro_error *error);
/* Ends them, and waits for that. NULL is fine. */
void pyro_spares_destroy(struct pyro_spares *spares);

/* Takes the one that fits `parameters` and `kind` out, with its record, client and time as if it
 * had been made now. One that is being made is waited for: that is no longer than making another.
 * False when there is none, and always where the context has no spares. */
bool pyro_spare_take(struct pyro_context *context, const json_t *parameters,
                     const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                     struct pyro_new_vm *ret_vm, struct pyro_client **ret_client);

/* A call with these parameters is over: has the next one's guest made in the background. */
void pyro_spare_prepare(struct pyro_context *context, const json_t *parameters,
                        const struct pyro_new_vm_kind *kind);

/* Ends them, because room is needed. Whether there was one. */
bool pyro_spares_give_back(struct pyro_context *context, const struct pyro_observer *observer);

#endif
