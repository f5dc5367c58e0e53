/* QEMU's command line: a microvm with a disk, a serial console, the agent's channel, and a NIC only
 * when asked for. */
#include "vm/command_line.h"

#include <jansson.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "vm/jail.h"

/* The self-tests of the kernel's ciphers are a fifth of a boot under emulation. Nor do mitigations
 * protect anything there (guest code never runs on the CPU itself), and zeroing what is allocated
 * guards a guest's kernel against itself at 5 % of its boot. Security modules that have no policy
 * are asked at every step all the same, and pressure is accounted for at every switch: a tenth of
 * what the first command of a clone executes. */
char *pyro_command_line_kernel(const struct pyro_machine_config *config)
{
    static const char common[] =
        "console=ttyS0 quiet reboot=t panic=-1 cryptomgr.notests nowatchdog";
    static const char emulated[] = "mitigations=off init_on_alloc=0 lsm= psi=0";
    if (config->kvm)
        return pyro_text_format("%s", common);
    const char *layout = config->fixed_layout ? " norandmaps" : "";
    if (config->tsc_khz == 0)
        return pyro_text_format("%s %s%s", common, emulated, layout);
    /* microvm has no timer interrupt to calibrate the TSC by: on a busy host the kernel would fail
     * at it and hang, so it is told. */
    return pyro_text_format("%s %s%s tsc_early_khz=%u tsc=reliable", common, emulated, layout,
                            config->tsc_khz);
}

/* As JSON, because in QEMU's key=value syntax a comma in a path would start the next option. The
 * overlay's own note of its backing file is overridden: it is relative, and a guest that broke into
 * QEMU could rewrite it. */
static char *root_disk(const char *overlay, const char *rootfs, bool durable)
{
    cleanup_json json_t *disk = json_pack(
        "{s:s, s:s, s:s, s:{s:b, s:b}, s:{s:s, s:s}, s:{s:s, s:b, s:{s:s, s:s, s:b}}}", /* */
        "node-name", "root", "driver", "qcow2", "discard", "unmap",                     /* */
        "cache", "direct", false, "no-flush", !durable,                                 /* */
        "file", "driver", "file", "filename", overlay,                                  /* */
        "backing", "driver", "raw", "read-only", true,                                  /* */
        "file", "driver", "file", "filename", rootfs, "read-only", true);
    return disk ? json_dumps(disk, JSON_COMPACT) : NULL;
}

static void add_root_disk(struct pyro_argv *argv, const struct pyro_machine_config *config,
                          bool jailed)
{
    cleanup_free char *disk =
        root_disk(jailed ? PYRO_JAIL_OVERLAY : config->overlay,
                  jailed ? PYRO_JAIL_ROOTFS : config->rootfs, config->durable);
    if (!disk) {
        argv->failed = true;
        return;
    }
    pyro_argv_add(argv, "-blockdev");
    pyro_argv_add(argv, disk);
    pyro_argv_add(argv, "-device");
    pyro_argv_add(argv, "virtio-blk-device,drive=root");
}

/* QEMU 8.2 and newer open a private file for reading only when told so; older ones know neither
 * word and need the preload. */
static char *memory_backend(const struct pyro_machine_config *config, bool jailed)
{
    cleanup_json json_t *backend =
        json_pack("{s:s, s:s, s:s, s:b, s:I}", "qom-type", "memory-backend-file", "id", "ram",
                  "mem-path", jailed ? PYRO_JAIL_RAM : config->ram, "share", !config->ram_private,
                  "size", (json_int_t)config->mem_mib << 20);
    if (backend && config->ram_private && !config->read_only_preload) {
        json_object_set_new(backend, "readonly", json_true());
        json_object_set_new(backend, "rom", json_string("off"));
    }
    return backend ? json_dumps(backend, JSON_COMPACT) : NULL;
}

static void add_memory(struct pyro_argv *argv, const struct pyro_machine_config *config,
                       bool jailed)
{
    cleanup_free char *backend = config->ram ? memory_backend(config, jailed) : NULL;
    argv->failed = argv->failed || (config->ram && !backend);
    if (backend) {
        pyro_argv_add(argv, "-object");
        pyro_argv_add(argv, backend);
    }
    pyro_argv_add(argv, "-M");
    pyro_argv_add(argv, backend ? "microvm,memory-backend=ram" : "microvm");
    pyro_argv_add(argv, "-m");
    pyro_argv_addf(argv, "%uM", config->mem_mib);
}

static void add_kernel(struct pyro_argv *argv, const struct pyro_machine_config *config,
                       bool jailed)
{
    cleanup_free char *words = pyro_command_line_kernel(config);
    if (!words) {
        argv->failed = true;
        return;
    }
    pyro_argv_add(argv, "-kernel");
    pyro_argv_add(argv, jailed ? PYRO_JAIL_KERNEL : config->kernel);
    pyro_argv_add(argv, "-initrd");
    pyro_argv_add(argv, jailed ? PYRO_JAIL_INITRD : config->initrd);
    pyro_argv_add(argv, "-append");
    pyro_argv_add(argv, words);
}

static void add_channel(struct pyro_argv *argv, const char *name, int fd)
{
    pyro_argv_add(argv, "-chardev");
    pyro_argv_addf(argv, "socket,id=%s,fd=%d", name, fd);
}

static void add_channels(struct pyro_argv *argv, const struct pyro_machine_ends *ends)
{
    static const char *const users[] = {
        "-serial", "chardev:console",
        "-mon",    "chardev=qmp,mode=control",
        "-device", "virtio-serial-device",
        "-device", "virtserialport,chardev=agent,name=pyro.agent,nr=1",
        NULL};
    add_channel(argv, "console", ends->console);
    add_channel(argv, "qmp", ends->qmp);
    add_channel(argv, "agent", ends->agent);
    pyro_argv_add_all(argv, users);
}

/* Each frame costs the emulated guest much the same whatever its size, hence the largest MTU. */
static void add_network(struct pyro_argv *argv, const uint8_t mac[6], int fd)
{
    pyro_argv_add(argv, "-netdev");
    pyro_argv_addf(argv, "stream,id=n0,server=off,addr.type=fd,addr.str=%d", fd);
    pyro_argv_add(argv, "-device");
    pyro_argv_addf(
        argv, "virtio-net-device,netdev=n0,host_mtu=65520,mac=%02x:%02x:%02x:%02x:%02x:%02x", /* */
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void pyro_command_line_add(struct pyro_argv *argv, const struct pyro_machine_config *config,
                           const struct pyro_machine_ends *ends)
{
    static const char *const fixed[] = {
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        NULL};
    static const char *const kvm[] = {"-accel", "kvm", "-cpu", "host", NULL};
    /* With ERMS the kernel copies and clears by `rep movsb`, which is emulated byte by byte:
     * without it a pipe carries three times as much, and starting a program takes a tenth less. */
    static const char *const tcg[] = {"-accel", "tcg,thread=multi", "-cpu", "max,-erms", NULL};
    bool jailed = config->bwrap_path != NULL;

    pyro_argv_add(argv, config->qemu_path);
    add_memory(argv, config, jailed);
    pyro_argv_add_all(argv, config->kvm ? kvm : tcg);
    pyro_argv_add(argv, "-smp");
    pyro_argv_addf(argv, "%u", config->vcpu_count);
    pyro_argv_add_all(argv, fixed);
    add_kernel(argv, config, jailed);
    add_root_disk(argv, config, jailed);
    add_channels(argv, ends);
    if (config->network)
        add_network(argv, config->mac, ends->network);
}
