/* Sending a tree of the host into a guest: the agent's command "receive" at the other end. */
#ifndef PYRO_WORKSPACE_PUSH_H
#define PYRO_WORKSPACE_PUSH_H

#include <pyro/pyro.h>
#include <stdint.h>

#include "workspace/baseline.h"
#include "workspace/channel.h"
#include "workspace/source.h"

struct pyro_push {
    const struct pyro_tree_channel *channel;
    struct pyro_tree_source *source;
    const char *root;                      /* "/workspace" */
    const char *destination;               /* safe path below it, "" for itself */
    struct pyro_baseline_writer *baseline; /* gets all that is sent; NULL: nobody looks at the tree
                                              only while it is new */
    int memory; /* the guest's, as a file that it shares with us; -1: there is none */
    const struct pyro_observer *observer; /* progress; may be NULL */
};

/* What is in the guest. */
struct pyro_push_report {
    uint64_t entry_count;
    uint64_t bytes_written; /* of files' data, holes not counted */
};

/* 0 when all of the source is in. Else -1, and the error says which entries are in: they are sent
 * in an order that is always the same, and the first one that fails is the last that is tried. */
int pyro_push_run(const struct pyro_push *push, struct pyro_push_report *ret_report,
                  struct pyro_error *error);

#endif
