/* Filling in `struct pyro_error`. Leaf helpers return a negative errno and know nothing of this;
 * functions that know what the caller wanted turn that into an error here. */
#ifndef PYRO_BASE_ERROR_H
#define PYRO_BASE_ERROR_H

#include <pyro/error.h>

#include "base/macros.h"

/* Each returns -1, so that a failing function can end with `return pyro_error_set(…)`. A NULL error
 * is allowed: the caller does not care why. */

/* Sets code and message ("what was asked: what is wrong"), clears field, errnum and hint. */
int pyro_error_set(struct pyro_error *error, enum pyro_error_code code, const char *format, ...)
    PYRO_PRINTF(3, 4);

/* The same, and appends ": strerror(errnum)". `errnum` may be negative or positive. ENOSPC and
 * EDQUOT become PYRO_ERROR_DISK_FULL, ENOMEM becomes PYRO_ERROR_OUT_OF_MEMORY, ECANCELED
 * PYRO_ERROR_CANCELLED, whatever `code` says. */
int pyro_error_set_errno(struct pyro_error *error, enum pyro_error_code code, int errnum,
                         const char *format, ...) PYRO_PRINTF(4, 5);

/* Adds what to do next. */
int pyro_error_hint(struct pyro_error *error, const char *format, ...) PYRO_PRINTF(2, 3);

/* Names the parameter at fault. */
int pyro_error_field(struct pyro_error *error, const char *field);

/* PYRO_ERROR_OUT_OF_MEMORY. */
int pyro_error_no_memory(struct pyro_error *error);

#endif
