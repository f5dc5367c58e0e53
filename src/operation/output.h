/* What a command wrote, kept for a result: all of it up to a cap, beyond that the head and the
 * tail. */
#ifndef PYRO_OPERATION_OUTPUT_H
#define PYRO_OPERATION_OUTPUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { PYRO_OUTPUT_CAP = 1024 * 1024 }; /* of one stream, in bytes */

struct pyro_output {
    uint64_t total_bytes;    /* of the stream, kept or not */
    struct pyro_buffer head; /* the first half of the cap */
    struct pyro_buffer tail; /* what follows; a ring of the last bytes once it is full */
    size_t tail_start;       /* of the ring: where its oldest byte is */
};

void pyro_output_init(struct pyro_output *output, size_t cap);
void pyro_output_finish(struct pyro_output *output);

/* Adds what the stream produced. 0 or -ENOMEM. */
int pyro_output_add(struct pyro_output *output, const void *bytes, size_t size);

/* Sets NAME (text; a line in its middle says what was left out), NAME_bytes, NAME_truncated and
 * NAME_path (null) in `result`. 0 or -ENOMEM. */
int pyro_output_to_json(const struct pyro_output *output, json_t *result, const char *name);

#endif
