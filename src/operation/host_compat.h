/* Host compat: when the caller allowed it and no guest is to be had, a command runs on the host's
 * own kernel in a bubblewrap sandbox: /usr read-only, a private /workspace, no network unless
 * asked. Never a bare host process. */
#ifndef PYRO_OPERATION_HOST_COMPAT_H
#define PYRO_OPERATION_HOST_COMPAT_H

#include <pyro/pyro.h>
#include <stdbool.h>

#include "base/error.h"
#include "wire/message.h"

struct pyro_host_compat {
    const char *bwrap_path; /* NULL: PYRO_ERROR_NO_VM */
    const char *workspace;  /* directory on the host that is /workspace inside */
    bool network;
};

/* Runs one command and waits for its end; output, stdin and cancellation as in pyro_client_exec().
 * At the end of the time limit, or on cancellation, everything the command started is killed. */
int pyro_host_compat_exec(const struct pyro_host_compat *sandbox, const struct pyro_exec *exec,
                          const struct pyro_observer *observer, struct pyro_exited *ret_exited,
                          struct pyro_error *error);

#endif
