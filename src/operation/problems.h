/* What is wrong with a call, collected so that the caller learns all of it at once. */
#ifndef PYRO_OPERATION_PROBLEMS_H
#define PYRO_OPERATION_PROBLEMS_H

#include "operation/operation.h"

/* How the caller writes parameters: as members, or as words on the command line. */
enum pyro_naming {
    PYRO_NAMING_MEMBERS, /* vcpu_count */
    PYRO_NAMING_FLAGS,   /* --vcpu-count, ENVIRONMENT */
};

enum { PYRO_PROBLEMS_SHOWN = 8 };

struct pyro_problems {
    char *texts[PYRO_PROBLEMS_SHOWN];
    size_t count;   /* may be larger than what is kept */
    char field[64]; /* of the first one */
};

/* `field` names the parameter at fault, NULL: none. Memory running out loses the text, not the
 * count. */
void pyro_problems_add(struct pyro_problems *problems, const char *field, const char *format, ...)
    PYRO_PRINTF(3, 4);

/* 0 when there are none; else -1 and one PYRO_ERROR_INVALID_PARAMETER "asked: …" that names them
 * all, with a hint where to read more. */
int pyro_problems_report(const struct pyro_problems *problems, const char *asked, const char *hint,
                         struct pyro_error *error);

void pyro_problems_finish(struct pyro_problems *problems);

/* Whether its flag means false. */
bool pyro_parameter_is_on(const struct pyro_parameter *parameter);

/* The form of that type, NULL if there is none. */
const struct pyro_variant *pyro_variant_find(const struct pyro_parameter *parameter,
                                             const char *type);

/* The parameter's name as the caller writes it; of one with variants, all their flags. To be freed,
 * NULL when out of memory. */
char *pyro_parameter_spelling(const struct pyro_parameter *parameter, enum pyro_naming naming);

/* What pyro_parameters_check() does, for a front that has problems of its own to add. A new object,
 * or NULL when out of memory. */
json_t *pyro_parameters_complete(const struct pyro_operation *operation, const json_t *given,
                                 enum pyro_naming naming, struct pyro_problems *problems);

#endif
