/* Freezing a guest: the agent seals it, QEMU stops it and saves the state of its devices; its
 * memory and its disk are files already. What lies in config.freeze_into afterwards is all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/supervisor.h"

enum { FREEZE_LIMIT_MS = 60 * 1000 };

static void too_late(struct pyro_timer *timer)
{
    life_event(timer->userdata, EVENT_FREEZE_FAILED, "the guest was not frozen in time");
}

void freeze_begin(struct supervisor *supervisor)
{
    int r =
        pyro_frame_append(&supervisor->guest_out, PYRO_FRAME_SEAL, PYRO_CHANNEL_NONE, 0, NULL, 0);
    pyro_timer_start(&supervisor->loop, &supervisor->freeze_deadline, FREEZE_LIMIT_MS, too_late,
                     supervisor);
    if (r < 0)
        life_event(supervisor, EVENT_FREEZE_FAILED, "cannot ask the guest: %s", strerror(-r));
    guest_flush(supervisor);
}

static void accepted(void *userdata, const json_t *result, const char *problem)
{
    if (!result)
        life_event(userdata, EVENT_FREEZE_FAILED, "QEMU cannot save the guest: %s", problem);
}

void freeze_migration_event(struct supervisor *supervisor, const char *status)
{
    if (strcmp(status, "completed") == 0)
        life_event(supervisor, EVENT_FROZEN, "frozen");
    else if (strcmp(status, "failed") == 0)
        life_event(supervisor, EVENT_FREEZE_FAILED, "QEMU could not save the guest's state");
}

static int open_state_file(const struct supervisor *supervisor)
{
    cleanup_free char *path = pyro_text_format("%s/state", supervisor->config.freeze_into);
    if (!path)
        return -ENOMEM;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* QEMU takes the requests in this order; each one that is refused ends it all. */
void freeze_save(struct supervisor *supervisor)
{
    struct pyro_qmp *qmp = supervisor->qmp;
    cleanup_close int state = open_state_file(supervisor);
    cleanup_json json_t *arguments = json_pack("{s:s}", "uri", "fd:state");
    int r = state < 0 ? state : arguments ? 0 : -ENOMEM;
    if (r == 0)
        r = pyro_qmp_give_fd(qmp, "state", state, accepted, supervisor);
    if (r == 0)
        r = pyro_qmp_execute(qmp, "stop", NULL, accepted, supervisor);
    if (r == 0)
        r = pyro_qmp_ignore_shared(qmp, accepted, supervisor);
    if (r == 0)
        r = pyro_qmp_execute(qmp, "migrate", arguments, accepted, supervisor);
    if (r < 0)
        life_event(supervisor, EVENT_FREEZE_FAILED, "cannot tell QEMU to save the guest: %s",
                   strerror(-r));
}
