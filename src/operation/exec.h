/* One command under way, whatever it runs in: what it is, what is kept of its output, and its part
 * of a result. */
#ifndef PYRO_OPERATION_EXEC_H
#define PYRO_OPERATION_EXEC_H

#include "operation/command.h"
#include "operation/operation.h"
#include "operation/output.h"
#include "wire/message.h"

struct pyro_run {
    const struct pyro_observer *caller;
    struct pyro_observer observer; /* ours: keeps, then passes on */
    struct pyro_command command;
    struct pyro_exec exec;
    struct pyro_output streams[2]; /* stdout, stderr */
    bool out_of_memory;
    struct pyro_exited exited;
};

/* From `command` and `timeout_seconds`. The run must stay where it is. On failure too, follow with
 * pyro_run_finish(). */
int pyro_run_init(struct pyro_run *run, const json_t *parameters,
                  const struct pyro_observer *caller, struct pyro_error *error);
void pyro_run_finish(struct pyro_run *run);

/* command, exit_code, duration_ms, timed_out and the streams with their cap keys. A new reference,
 * NULL when out of memory. */
json_t *pyro_run_to_json(const struct pyro_run *run);

/* Copies from `vm` what every exec's result tells of its VM. */
void pyro_run_add_vm(json_t *result, const json_t *vm);

#endif
