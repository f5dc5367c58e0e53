#include <stdio.h>

#include "base/clock.h"
#include "base/wait.h"
#include "environment/pull.h"

enum { REPORT_EVERY_MS = 250 };

static void report(struct pyro_pull *pull, uint64_t done, uint64_t total)
{
    pull->reported_ms = pyro_now_ms();
    if (!pull->observer || !pull->observer->progress)
        return;
    struct pyro_progress progress = {
        .operation = "pull",
        .phase = pull->phase,
        .message = pull->message,
        .done = done,
        .total = total,
    };
    pull->observer->progress(pull->observer->userdata, &progress);
}

void pyro_pull_phase(struct pyro_pull *pull, const char *phase, const char *message)
{
    pull->phase = phase;
    snprintf(pull->message, sizeof(pull->message), "%s", message);
    report(pull, 0, 0);
}

void pyro_pull_advance(struct pyro_pull *pull, uint64_t done, uint64_t total)
{
    if (pyro_now_ms() - pull->reported_ms >= REPORT_EVERY_MS)
        report(pull, done, total);
}

bool pyro_pull_cancelled(const struct pyro_pull *pull)
{
    return pull->observer && pyro_fd_is_readable(pull->observer->cancel_fd);
}

int pyro_pull_cancel(const struct pyro_pull *pull, struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_CANCELLED, "pulling %s: cancelled, nothing was kept",
                          pull->environment->name);
}
