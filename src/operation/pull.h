/* Pulling an environment as users mean it: installed, and with the template that most starts need.
 */
#ifndef PYRO_OPERATION_PULL_H
#define PYRO_OPERATION_PULL_H

#include "environment/environment.h"
#include "operation/operation.h"

/* As pyro_environment_pull(). That no template could be made is no failure: guests boot then. */
int pyro_pull(struct pyro_context *context, const struct pyro_environment *environment,
              const struct pyro_observer *observer, struct pyro_error *error);

#endif
