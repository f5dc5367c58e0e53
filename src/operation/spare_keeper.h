/* One spare and its keeper, the thread that makes it, warms it and ends it. For spare.c only. */
#ifndef PYRO_OPERATION_SPARE_KEEPER_H
#define PYRO_OPERATION_SPARE_KEEPER_H

#include <jansson.h>
#include <pthread.h>

#include "operation/vm_support.h"

enum spare_state {
    SPARE_NONE,
    SPARE_WANTED,
    SPARE_STARTING,
    SPARE_WARMING, /* runs, and can be had at once */
    SPARE_READY,
};

/* One of the two: what there is, and who sees to it. The lock is held for a look and a change,
 * never while a guest is made or ended. */
struct spare {
    struct pyro_context *context; /* the keeper's; its home outlives every client */
    unsigned keep_seconds;
    bool is_workspace;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t keeper;
    bool is_kept, is_closing;
    int interrupt_fd; /* ends what the keeper waits for */

    enum spare_state state;
    json_t *wanted, *made; /* shapes, as parameters; NULL: none */
    bool is_claimed;       /* somebody waits for it */
    uint64_t used_at_ms;   /* the last call of its kind was over */
    char *environment_mark;
    struct pyro_new_vm vm;
    struct pyro_client *client;
};

/* ---- with the lock held ---- */

void pyro_spare_set_state(struct spare *spare, enum spare_state state);
/* It is somebody else's now. */
void pyro_spare_forget(struct spare *spare);
/* Ends the guest, without the lock. `context`: of the thread that does it. */
void pyro_spare_drop(struct spare *spare, enum spare_state state, struct pyro_context *context);
/* Waits for a change, at most until then (pyro_now_ms()). */
void pyro_spare_wait(struct spare *spare, uint64_t end_ms);
/* Starts the thread, unless it runs. */
void pyro_spare_start_keeper(struct spare *spare);

/* ---- without it ---- */

/* Ends a guest that was a spare, and waits for that. */
void pyro_spare_discard(struct pyro_context *context, struct pyro_new_vm *vm,
                        struct pyro_client *client);
/* Changes when the environment of a shape is built anew; "": there is none. To be freed, NULL when
 * out of memory. */
char *pyro_spare_mark(const struct pyro_context *context, const json_t *shape);

#endif
