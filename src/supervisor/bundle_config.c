/* config.json of a bundle: written by who creates the VM, read by its supervisor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "supervisor/bundle.h"

enum { CONFIG_MAX = 64 * 1024 };

static void put_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, value ? json_string(value) : json_null());
}

static json_t *machine_to_json(const struct pyro_machine_config *machine)
{
    char mac[18];
    const uint8_t *m = machine->mac;
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    json_t *object =
        json_pack("{s:b, s:i, s:b, s:i, s:i, s:b, s:s, s:b}", "kvm", machine->kvm, "tsc_khz",
                  (int)machine->tsc_khz, "fixed_layout", machine->fixed_layout, "vcpu_count",
                  (int)machine->vcpu_count, "mem_mib", (int)machine->mem_mib, "network",
                  machine->network, "mac", mac, "durable", machine->durable);
    if (!object)
        return NULL;
    put_text(object, "qemu_path", machine->qemu_path);
    put_text(object, "bwrap_path", machine->bwrap_path);
    put_text(object, "passt_path", machine->passt_path);
    put_text(object, "kernel", machine->kernel);
    put_text(object, "initrd", machine->initrd);
    put_text(object, "rootfs", machine->rootfs);
    put_text(object, "overlay", machine->overlay);
    put_text(object, "ram", machine->ram);
    put_text(object, "read_only_preload", machine->read_only_preload);
    return object;
}

int pyro_bundle_config_write(int directory, const struct pyro_bundle_config *config,
                             struct pyro_error *error)
{
    cleanup_json json_t *object =
        json_pack("{s:s, s:b, s:b, s:f, s:I, s:i, s:s, s:o}", "vm_id", config->vm_id, "one_shot",
                  config->one_shot, "is_workspace", config->is_workspace, "expires_at",
                  config->expires_at, "ttl_seconds", (json_int_t)config->ttl_seconds,
                  "boot_timeout_ms", (int)config->boot_timeout_ms, "rootfs_digest",
                  config->rootfs_digest, "machine", machine_to_json(&config->machine));
    if (!object)
        return pyro_error_no_memory(error);
    put_text(object, "empty_overlay", config->empty_overlay);
    put_text(object, "modules", config->modules);
    put_text(object, "agent", config->agent);
    put_text(object, "freeze_into", config->freeze_into);
    put_text(object, "about", config->about);
    int r = pyro_json_file_replace_at(directory, "config.json", object, 0);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot write the configuration of %s", config->vm_id);
    return 0;
}

/* An absolute path, or NULL. */
static char *take_path(const json_t *object, const char *key)
{
    const char *text = pyro_json_text(object, key, NULL);
    return text && *text == '/' ? strdup(text) : NULL;
}

static bool take_mac(const json_t *object, uint8_t mac[6])
{
    char end;
    return sscanf(pyro_json_text(object, "mac", ""), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c",
                  &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6;
}

static bool take_machine(const json_t *object, struct pyro_machine_config *machine)
{
    int64_t vcpus = pyro_json_integer(object, "vcpu_count", 0);
    int64_t memory = pyro_json_integer(object, "mem_mib", 0);
    int64_t khz = pyro_json_integer(object, "tsc_khz", -1);
    *machine = (struct pyro_machine_config){
        .qemu_path = take_path(object, "qemu_path"),
        .bwrap_path = take_path(object, "bwrap_path"),
        .passt_path = take_path(object, "passt_path"),
        .kvm = pyro_json_boolean(object, "kvm", false),
        .tsc_khz = (uint32_t)khz,
        .fixed_layout = pyro_json_boolean(object, "fixed_layout", false),
        .vcpu_count = (unsigned)vcpus,
        .mem_mib = (unsigned)memory,
        .network = pyro_json_boolean(object, "network", false),
        .durable = pyro_json_boolean(object, "durable", false),
        .kernel = take_path(object, "kernel"),
        .initrd = take_path(object, "initrd"),
        .rootfs = take_path(object, "rootfs"),
        .overlay = take_path(object, "overlay"),
        .ram = take_path(object, "ram"),
        .read_only_preload = take_path(object, "read_only_preload"),
    };
    return machine->qemu_path && machine->kernel && machine->initrd && machine->rootfs &&
           machine->overlay && vcpus >= 1 && vcpus <= 255 && memory >= 1 && memory <= 1 << 24 &&
           khz >= 0 && khz <= 100000000 && take_mac(object, machine->mac);
}

int pyro_bundle_config_read(int directory, struct pyro_bundle_config *ret_config,
                            struct pyro_error *error)
{
    *ret_config = (struct pyro_bundle_config){0};
    int r;
    cleanup_json json_t *object = pyro_json_file_read_at(directory, "config.json", CONFIG_MAX, &r);
    if (!object)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot read the VM's config.json");
    const char *vm_id = pyro_json_text(object, "vm_id", "");
    int64_t timeout_ms = pyro_json_integer(object, "boot_timeout_ms", 0);
    bool good = pyro_vm_id_is_valid(vm_id) && timeout_ms >= 1 && timeout_ms <= 3600 * 1000;
    if (good)
        strcpy(ret_config->vm_id, vm_id);
    ret_config->one_shot = pyro_json_boolean(object, "one_shot", false);
    ret_config->is_workspace = pyro_json_boolean(object, "is_workspace", false);
    ret_config->ttl_seconds = pyro_json_integer(object, "ttl_seconds", 0);
    const char *about = pyro_json_text(object, "about", NULL);
    ret_config->about = about ? strdup(about) : NULL;
    ret_config->expires_at = pyro_json_real(object, "expires_at", 0);
    ret_config->boot_timeout_ms = (unsigned)timeout_ms;
    ret_config->rootfs_digest = strdup(pyro_json_text(object, "rootfs_digest", ""));
    ret_config->empty_overlay = take_path(object, "empty_overlay");
    ret_config->modules = take_path(object, "modules");
    ret_config->agent = take_path(object, "agent");
    ret_config->freeze_into = take_path(object, "freeze_into");
    good = take_machine(json_object_get(object, "machine"), &ret_config->machine) && good &&
           ret_config->rootfs_digest && ret_config->empty_overlay && ret_config->modules &&
           ret_config->agent && (!ret_config->freeze_into || ret_config->machine.ram);
    if (good)
        return 0;
    pyro_bundle_config_finish(ret_config);
    return pyro_error_set(error, PYRO_ERROR_SYSTEM,
                          "cannot use the VM's config.json: a member is missing or out of range");
}

void pyro_bundle_config_finish(struct pyro_bundle_config *config)
{
    pyro_machine_config_finish(&config->machine);
    char *texts[] = {config->rootfs_digest, config->empty_overlay, config->modules,
                     config->agent,         config->freeze_into,   config->about};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    *config = (struct pyro_bundle_config){0};
}
