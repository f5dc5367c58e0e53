/* The templates there are: by name, what they take, and taking one away. */
#ifndef PYRO_TEMPLATE_KEEP_H
#define PYRO_TEMPLATE_KEEP_H

#include "template/make.h"

/* Names of all template directories, staging ones too: an array of `ret_count`, to be freed with
 * the next. NULL when out of memory. */
char **pyro_template_names(int templates, size_t *ret_count);
void pyro_template_names_free(char **names, size_t count);
bool pyro_template_is_staging(const char *name);

/* Removes one. Bytes that are free again; 0 when somebody makes it or uses it. */
uint64_t pyro_template_take_away(int templates, const char *name);

/* Whether a start could use it; `today` is asked with the manifest's shape. If not, `reason` says
 * why. */
bool pyro_template_is_usable(int templates, const char *name,
                             const struct pyro_template_source *today, const json_t *manifest,
                             char *reason, size_t reason_size);

#endif
