/* Starting from a template: QEMU maps the template's memory privately, loads its device state and
 * goes on where the template stopped. Whatever goes wrong with that, the guest is booted instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/supervisor.h"

/* A one-shot guest maps the template's memory and keeps to itself what it writes. */
static int map_ram(struct supervisor *supervisor)
{
    struct pyro_machine_config *machine = &supervisor->config.machine;
    machine->ram = pyro_text_format("%s/ram", supervisor->template_path);
    machine->ram_private = true;
    return machine->ram ? 0 : -ENOMEM;
}

/* A workspace runs on a copy of its own, so that it can be saved like a template one day. */
static int copy_ram(const struct supervisor *supervisor, int template_)
{
    unlinkat(supervisor->directory, "ram", 0);
    return pyro_file_copy_at(template_, "ram", supervisor->directory, "ram", 0600);
}

static int open_template(struct supervisor *supervisor)
{
    struct stat status;
    cleanup_close int template_ =
        open(supervisor->template_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (template_ < 0 || fstat(template_, &status) < 0)
        return -errno;
    supervisor->template_inode = status.st_ino;
    supervisor->state_fd = openat(template_, "state", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (supervisor->state_fd < 0)
        return -errno;
    int r = boot_copy_disk(supervisor, template_, "overlay.qcow2");
    if (r < 0)
        return r;
    struct pyro_machine_config *machine = &supervisor->config.machine;
    supervisor->boot_initrd = machine->initrd;
    machine->initrd = pyro_text_format("%s/initrd", supervisor->template_path);
    if (!machine->initrd)
        return -ENOMEM;
    return supervisor->config.is_workspace ? copy_ram(supervisor, template_) : map_ram(supervisor);
}

int restore_prepare(struct supervisor *supervisor)
{
    int r = open_template(supervisor);
    supervisor->restoring = r == 0;
    return r;
}

void restore_forget(struct supervisor *supervisor)
{
    struct pyro_machine_config *machine = &supervisor->config.machine;
    supervisor->restoring = false;
    free(steal_pointer(&supervisor->template_path));
    if (machine->ram_private)
        free(steal_pointer(&machine->ram));
    if (supervisor->boot_initrd) {
        free(machine->initrd);
        machine->initrd = steal_pointer(&supervisor->boot_initrd);
    }
    machine->ram_private = false;
    if (supervisor->state_fd >= 0)
        close(steal_fd(&supervisor->state_fd));
    unlinkat(supervisor->directory, "overlay.qcow2", 0);
}

static void running(void *userdata, const json_t *result, const char *problem)
{
    struct supervisor *supervisor = userdata;
    if (result)
        life_event(supervisor, EVENT_RESTORED, "restored");
    else
        life_event(supervisor, EVENT_RESTORE_FAILED, "the guest cannot be set going: %s", problem);
}

static void accepted(void *userdata, const json_t *result, const char *problem)
{
    if (!result)
        life_event(userdata, EVENT_RESTORE_FAILED, "QEMU cannot restore the template: %s", problem);
}

/* The state goes on in the foreground of QEMU's main loop; its event says that all is loaded. */
void restore_migration_event(struct supervisor *supervisor, const char *status)
{
    if (!supervisor->restoring)
        return;
    if (strcmp(status, "completed") == 0)
        pyro_qmp_execute(supervisor->qmp, "cont", NULL, running, supervisor);
    else if (strcmp(status, "failed") == 0)
        life_event(supervisor, EVENT_RESTORE_FAILED, "QEMU could not load the template's state");
}

int pyro_qmp_ignore_shared(struct pyro_qmp *qmp, pyro_qmp_reply reply, void *userdata)
{
    cleanup_json json_t *arguments =
        json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "x-ignore-shared",
                  "state", 1, "capability", "events", "state", 1);
    return arguments ? pyro_qmp_execute(qmp, "migrate-set-capabilities", arguments, reply, userdata)
                     : -ENOMEM;
}

/* The jail took memory and initrd by their paths, after state and disk were opened: between the two
 * the template could have been made anew. */
static bool is_replaced(const struct supervisor *supervisor)
{
    struct stat status;
    return lstat(supervisor->template_path, &status) < 0 ||
           status.st_ino != supervisor->template_inode;
}

void restore_load(struct supervisor *supervisor)
{
    char uri[32];
    if (is_replaced(supervisor)) {
        life_event(supervisor, EVENT_START_FAILED, "the template was made anew meanwhile");
        return;
    }
    snprintf(uri, sizeof(uri), "fd:%d", supervisor->state_fd);
    cleanup_json json_t *arguments = json_pack("{s:s}", "uri", uri);
    int r = pyro_qmp_ignore_shared(supervisor->qmp, accepted, supervisor);
    if (r == 0)
        r = arguments ? pyro_qmp_execute(supervisor->qmp, "migrate-incoming", arguments, accepted,
                                         supervisor)
                      : -ENOMEM;
    if (r < 0)
        life_event(supervisor, EVENT_RESTORE_FAILED, "cannot tell QEMU to restore: %s",
                   strerror(-r));
}
