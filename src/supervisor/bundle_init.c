/* What a new VM's bundle says: everything that is decided before its supervisor starts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/macros.h"
#include "base/text.h"
#include "supervisor/bundle.h"
#include "vm/emulator.h"

enum {
    BOOT_TIMEOUT_KVM_MS = 30 * 1000,
    BOOT_TIMEOUT_TCG_MS = 180 * 1000, /* wall time; a hang shows in QEMU's CPU time much earlier */
};

static unsigned boot_timeout_ms(const struct pyro_host *host)
{
    const char *set = getenv("PYRO_BOOT_TIMEOUT_SECONDS");
    long seconds = set ? strtol(set, NULL, 10) : 0;
    if (seconds >= 1 && seconds <= 3600)
        return (unsigned)seconds * 1000;
    return host->accelerator == PYRO_ACCELERATOR_KVM ? BOOT_TIMEOUT_KVM_MS : BOOT_TIMEOUT_TCG_MS;
}

/* Locally administered (bit 1 of the first byte), never multicast. */
static int make_mac(uint8_t mac[6])
{
    if (getrandom(mac, 6, 0) != 6)
        return -errno;
    mac[0] = 0x52;
    mac[1] = 0x54;
    return 0;
}

/* NULL stays NULL, everything else must have been copied. */
static bool copy(char **ret_text, const char *text)
{
    *ret_text = text ? strdup(text) : NULL;
    return !text || *ret_text;
}

static bool copy_host(struct pyro_machine_config *machine, const struct pyro_home *home,
                      const struct pyro_host *host)
{
    cleanup_free char *preload = pyro_text_format("%s/libpyro-readonly.so", home->libexec);
    bool opens_read_only = pyro_emulator_opens_read_only(host->qemu_version);
    return preload && copy(&machine->qemu_path, host->qemu_path) &&
           copy(&machine->bwrap_path, host->jail ? host->bwrap_path : NULL) &&
           copy(&machine->passt_path, host->passt_path) &&
           copy(&machine->read_only_preload, opens_read_only ? NULL : preload);
}

static bool copy_installation(struct pyro_bundle_config *config,
                              const struct pyro_installation *installation)
{
    return copy(&config->machine.kernel, installation->kernel) &&
           copy(&config->machine.rootfs, installation->rootfs) &&
           copy(&config->rootfs_digest, installation->rootfs_digest) &&
           copy(&config->empty_overlay, installation->overlay) &&
           copy(&config->modules, installation->modules);
}

static bool make_paths(struct pyro_bundle_config *config, const struct pyro_home *home)
{
    config->machine.initrd = pyro_text_format("%s/vms/%s/initrd", home->path, config->vm_id);
    config->machine.overlay =
        pyro_text_format("%s/vms/%s/overlay.qcow2", home->path, config->vm_id);
    config->agent = pyro_text_format("%s/pyro-agent", home->libexec);
    return config->machine.initrd && config->machine.overlay && config->agent;
}

int pyro_bundle_config_init(struct pyro_bundle_config *config, const struct pyro_home *home,
                            const struct pyro_host *host,
                            const struct pyro_installation *installation,
                            const struct pyro_shape *shape, const char *vm_id,
                            struct pyro_error *error)
{
    bool kvm = host->accelerator == PYRO_ACCELERATOR_KVM;
    bool fixed = pyro_emulator_wants_fixed_layout(host->qemu_version);
    char id[PYRO_VM_ID_SIZE];
    snprintf(id, sizeof(id), "%s", vm_id); /* it may be the config's own */
    *config = (struct pyro_bundle_config){.boot_timeout_ms = boot_timeout_ms(host),
                                          .machine = {.kvm = kvm,
                                                      .tsc_khz = kvm ? 0 : host->tsc_khz,
                                                      .fixed_layout = !kvm && fixed,
                                                      .vcpu_count = shape->vcpu_count,
                                                      .mem_mib = shape->mem_mib,
                                                      .network = shape->network}};
    strcpy(config->vm_id, id);
    int r = make_mac(config->machine.mac);
    if (r == 0 && (!copy_host(&config->machine, home, host) ||
                   !copy_installation(config, installation) || !make_paths(config, home)))
        r = -ENOMEM;
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot describe the new VM")
                 : 0;
}
