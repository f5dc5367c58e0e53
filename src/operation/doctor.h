/* The report of `doctor`: a list of checks, each with what was found and the command that mends it.
 */
#ifndef PYRO_OPERATION_DOCTOR_H
#define PYRO_OPERATION_DOCTOR_H

#include "operation/operation.h"
#include "vm/host.h"

struct pyro_doctor {
    struct pyro_context *context;
    struct pyro_host host;
    json_t *checks;
    json_t *environments;
    size_t installed_count;
    bool ok; /* `pyro run` could work: no check failed */
};

enum pyro_verdict {
    PYRO_VERDICT_OK,
    PYRO_VERDICT_WARNING, /* something is missing, but `pyro run` works */
    PYRO_VERDICT_FAILED,  /* `pyro run` cannot work */
};

/* Adds a check. `fix` is the command that mends it, NULL: none. */
void pyro_doctor_add(struct pyro_doctor *doctor, const char *name, enum pyro_verdict verdict,
                     const char *fix, const char *format, ...) PYRO_PRINTF(5, 6);

/* "apt-get install PACKAGE", with sudo when the caller is not root. */
void pyro_doctor_add_package(struct pyro_doctor *doctor, const char *name,
                             enum pyro_verdict verdict, const char *package, const char *detail);

/* doctor_host.c: what the machine can do. */
void pyro_doctor_check_host(struct pyro_doctor *doctor);
/* doctor_files.c: pyro's own programs and files. */
void pyro_doctor_check_files(struct pyro_doctor *doctor);

#endif
