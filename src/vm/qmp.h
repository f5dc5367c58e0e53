/* QEMU's monitor: an explicit state machine, one slot per request, line by line. What arrives is
 * capped and checked, because a guest that broke into QEMU could be speaking. */
#ifndef PYRO_VM_QMP_H
#define PYRO_VM_QMP_H

#include <jansson.h>

#include "base/loop.h"

struct pyro_qmp;

/* `result` is borrowed for the call. On failure it is NULL and `problem` says what. */
typedef void (*pyro_qmp_reply)(void *userdata, const json_t *result, const char *problem);

struct pyro_qmp_events {
    void (*ready)(void *userdata); /* greeting and capabilities done: QEMU is up */
    void (*event)(void *userdata, const char *name, const json_t *data);
    void (*ended)(void *userdata, const char *reason); /* once; every open request failed before */
    void *userdata;
};

/* Takes over `fd` (non-blocking). 0 or a negative errno. */
int pyro_qmp_create(struct pyro_loop *loop, int fd, const struct pyro_qmp_events *events,
                    struct pyro_qmp **ret_qmp);
void pyro_qmp_destroy(struct pyro_qmp *qmp);

/* Sends a command; `arguments` may be NULL and is borrowed. `reply` may be NULL. 0 or -errno. */
int pyro_qmp_execute(struct pyro_qmp *qmp, const char *command, const json_t *arguments,
                     pyro_qmp_reply reply, void *userdata);

/* Hands a descriptor over, under a name that later commands may use (QEMU's getfd). It stays the
 * caller's. -EBUSY while something else is still on its way out. 0 or -errno. */
int pyro_qmp_give_fd(struct pyro_qmp *qmp, const char *name, int fd, pyro_qmp_reply reply,
                     void *userdata);

#endif
