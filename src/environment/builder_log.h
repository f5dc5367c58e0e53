/* What mmdebstrap says: kept in a file, its last words for an error, its steps for the progress. */
#ifndef PYRO_ENVIRONMENT_BUILDER_LOG_H
#define PYRO_ENVIRONMENT_BUILDER_LOG_H

#include "environment/pull.h"

enum {
    PYRO_BUILDER_TAIL = 2048,
};

struct pyro_builder_log {
    int fd;            /* build.log */
    size_t kept_bytes; /* in the file */
    char line[512];    /* the one that has not ended yet; the rest of a longer one is dropped */
    size_t line_length;
    char tail[PYRO_BUILDER_TAIL + 1]; /* the last lines */
    size_t tail_length;
};

/* Takes in what was read from mmdebstrap's stderr. */
void pyro_builder_log_feed(struct pyro_builder_log *log, struct pyro_pull *pull, const char *bytes,
                           size_t size);

/* Turns the failure of a build into an error, going by its last words. */
int pyro_builder_log_explain(const struct pyro_builder_log *log, const struct pyro_pull *pull,
                             const char *how, struct pyro_error *error);

#endif
