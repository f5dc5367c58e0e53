/* What an agent's command about trees writes to its stdout, cut into records. */
#ifndef PYRO_WORKSPACE_TREE_READER_H
#define PYRO_WORKSPACE_TREE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "wire/tree.h"

struct pyro_tree_reader {
    /* Gets each record but END: 0, or -1 and an error. */
    int (*take)(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error);
    void *userdata;
    struct pyro_buffer rest; /* a record of which more is to come */
    bool ended;              /* END was there */
    bool broken;             /* what came is no stream of records */
};

void pyro_tree_reader_init(struct pyro_tree_reader *reader,
                           int (*take)(void *userdata, const struct pyro_tree_record *record,
                                       struct pyro_error *error),
                           void *userdata);
void pyro_tree_reader_finish(struct pyro_tree_reader *reader);

/* The next bytes, cut anywhere. 0, or -1 and an error. */
int pyro_tree_reader_feed(struct pyro_tree_reader *reader, const uint8_t *bytes, size_t size,
                          struct pyro_error *error);
/* The stream is over: -1 and an error when it was not whole. */
int pyro_tree_reader_close(const struct pyro_tree_reader *reader, struct pyro_error *error);

/* Fills in what a guest fails with that does not keep to docs/PROTOCOL.md; -1. */
int pyro_tree_nonsense(struct pyro_error *error);

#endif
