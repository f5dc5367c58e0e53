/* All that must match between a template and a guest that is to be its clone. */
#ifndef PYRO_TEMPLATE_KEY_H
#define PYRO_TEMPLATE_KEY_H

#include "template/template.h"

enum { PYRO_TEMPLATE_NAME_SIZE = 80 };

struct pyro_template_key {
    char name[PYRO_TEMPLATE_NAME_SIZE]; /* SLUG-HASH, the directory */
    json_t *inputs;                     /* the manifest's `of` */
};

/* 0 or -ENOMEM. */
int pyro_template_key_init(struct pyro_template_key *key,
                           const struct pyro_template_source *source);
void pyro_template_key_finish(struct pyro_template_key *key);

/* Whether a guest's clock would run right on this host: the frequencies are measured, so that two
 * boots of one host differ a little. */
bool pyro_template_tsc_fits(int64_t khz, uint32_t host_khz);

#endif
