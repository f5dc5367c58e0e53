/* What the machine can do: QEMU, accelerator, clock, jail, namespaces, network, builder. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/process.h"
#include "environment/environment.h"
#include "operation/doctor.h"

static void check_qemu(struct pyro_doctor *doctor)
{
    const struct pyro_host *host = &doctor->host;
    if (!host->qemu_path || !host->qemu_version[0]) {
        pyro_doctor_add_package(doctor, "qemu", PYRO_VERDICT_FAILED, "qemu-system-x86",
                                host->qemu_reason[0] ? host->qemu_reason : "QEMU is missing");
        return;
    }
    bool slow = host->accelerator == PYRO_ACCELERATOR_TCG && atoi(host->qemu_version) < 8;
    pyro_doctor_add(doctor, "qemu", PYRO_VERDICT_OK, NULL, "%s, version %s%s", host->qemu_path,
                    host->qemu_version,
                    slow ? "; note: when it emulates, starting a program in the guest takes about "
                           "20 ms, with version 10 about 8 ms"
                         : "");
}

static void check_accelerator(struct pyro_doctor *doctor)
{
    const struct pyro_host *host = &doctor->host;
    const char *reason = host->accelerator_reason;
    if (host->accelerator == PYRO_ACCELERATOR_NONE)
        pyro_doctor_add(doctor, "accelerator", PYRO_VERDICT_FAILED, NULL, "none: %s", reason);
    else if (host->accelerator == PYRO_ACCELERATOR_KVM)
        pyro_doctor_add(doctor, "accelerator", PYRO_VERDICT_OK, NULL, "kvm: %s", reason);
    else if (access("/dev/kvm", F_OK) == 0 && access("/dev/kvm", R_OK | W_OK) < 0)
        pyro_doctor_add(doctor, "accelerator", PYRO_VERDICT_WARNING,
                        "sudo usermod -aG kvm \"$USER\" && newgrp kvm",
                        "tcg (software emulation, about ten times slower): %s", reason);
    else
        pyro_doctor_add(doctor, "accelerator", PYRO_VERDICT_OK, NULL,
                        "tcg (software emulation): %s", reason);
}

/* Under emulation the guest's kernel cannot find the frequency out on a busy host. */
static void check_clock(struct pyro_doctor *doctor)
{
    const struct pyro_host *host = &doctor->host;
    if (host->accelerator != PYRO_ACCELERATOR_TCG)
        return;
    if (host->tsc_khz > 0)
        pyro_doctor_add(doctor, "tsc", PYRO_VERDICT_OK, NULL, "%u kHz (%s)", host->tsc_khz,
                        host->tsc_reason);
    else
        pyro_doctor_add(doctor, "tsc", PYRO_VERDICT_WARNING, NULL,
                        "unknown (%s): on a busy host a guest may need a second try to boot",
                        host->tsc_reason);
}

/* The setting that forbids user namespaces differs between distributions. */
static const char *namespaces_fix(void)
{
    if (access("/proc/sys/kernel/unprivileged_userns_clone", F_OK) == 0)
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1";
    if (access("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", F_OK) == 0)
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
    return "sudo sysctl -w user.max_user_namespaces=15000";
}

/* Tried in a child, because a process cannot leave a user namespace again. */
static int try_user_namespace(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
    if (pid < 0)
        return -errno;
    int status = pyro_process_wait(pid);
    return status < 0 ? status : WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static void check_namespaces(struct pyro_doctor *doctor)
{
    int r = try_user_namespace();
    if (r == 0) {
        pyro_doctor_add(doctor, "user_namespaces", PYRO_VERDICT_OK, NULL, "can be made");
        return;
    }
    pyro_doctor_add(doctor, "user_namespaces", PYRO_VERDICT_WARNING, namespaces_fix(),
                    "cannot be made (%s): no jail around QEMU, and only root can build "
                    "environments",
                    strerror(-r));
}

static void check_jail(struct pyro_doctor *doctor)
{
    const struct pyro_host *host = &doctor->host;
    if (host->jail)
        pyro_doctor_add(doctor, "jail", PYRO_VERDICT_OK, NULL, "%s", host->jail_reason);
    else if (!host->bwrap_path)
        pyro_doctor_add_package(doctor, "jail", PYRO_VERDICT_WARNING, "bubblewrap",
                                "bubblewrap is missing: QEMU would run with its own sandbox only");
    else
        pyro_doctor_add(doctor, "jail", PYRO_VERDICT_WARNING, namespaces_fix(),
                        "%s: QEMU would run with its own sandbox only", host->jail_reason);
}

static void check_network(struct pyro_doctor *doctor)
{
    if (doctor->host.passt_path)
        pyro_doctor_add(doctor, "passt", PYRO_VERDICT_OK, NULL, "%s", doctor->host.passt_path);
    else
        pyro_doctor_add_package(doctor, "passt", PYRO_VERDICT_WARNING, "passt",
                                "passt is missing: --network will not work, all else will");
}

/* What building needs matters less once something is installed. */
static void check_builder(struct pyro_doctor *doctor)
{
    enum pyro_verdict verdict =
        doctor->installed_count > 0 ? PYRO_VERDICT_WARNING : PYRO_VERDICT_FAILED;
    struct pyro_error error = PYRO_ERROR_INIT;
    if (pyro_environment_builder_check(&error) == 0)
        pyro_doctor_add(doctor, "mmdebstrap", PYRO_VERDICT_OK, NULL, "environments can be built");
    else
        pyro_doctor_add(doctor, "mmdebstrap", verdict, error.hint[0] ? error.hint : NULL, "%s",
                        error.message);
    char *path = pyro_program_find("qemu-img");
    if (path)
        pyro_doctor_add(doctor, "qemu_img", PYRO_VERDICT_OK, NULL, "%s", path);
    else
        pyro_doctor_add_package(doctor, "qemu_img", verdict, "qemu-utils",
                                "qemu-img is missing: environments cannot be built");
    free(path);
}

void pyro_doctor_check_host(struct pyro_doctor *doctor)
{
    check_qemu(doctor);
    check_accelerator(doctor);
    check_clock(doctor);
    check_jail(doctor);
    check_namespaces(doctor);
    check_network(doctor);
    check_builder(doctor);
}
