/* Running what an environment is used for, in a guest that nobody uses yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template/template.h"

enum { COMMAND_LIMIT_MS = 60 * 1000 };

const char *const *pyro_warm_up_commands(const struct pyro_environment *environment)
{
    static const char *const nothing[] = {NULL};
    const char *set = getenv("PYRO_WARM_UP");
    return set && strcmp(set, "off") == 0 ? nothing : environment->warm_up;
}

static int run(struct pyro_client *client, const char *command, int cancel_fd,
               struct pyro_error *error)
{
    const struct pyro_observer quiet = {.cancel_fd = cancel_fd, .stdin_fd = -1};
    char *arguments[] = {"/bin/sh", "-c", (char *)command, NULL};
    struct pyro_exec exec = {
        .timeout_ms = COMMAND_LIMIT_MS, .arguments = arguments, .directory = "/"};
    struct pyro_exited exited;
    if (pyro_client_exec(client, &exec, &quiet, &exited, error) < 0)
        return -1;
    if (pyro_exited_status(&exited) != 0)
        fprintf(stderr, "pyro: warming up: status %d from: %s\n", pyro_exited_status(&exited),
                command);
    return 0;
}

int pyro_warm_up(struct pyro_client *client, const struct pyro_environment *environment,
                 int cancel_fd, struct pyro_error *error)
{
    int r = 0;
    const char *const *command = pyro_warm_up_commands(environment);
    for (; *command && r == 0; command++)
        r = run(client, *command, cancel_fd, error);
    return r;
}
