/* QEMU's words for the machines there are: what must be there, and what must not. */
#include "tap.h"

#include <stdlib.h>

#include "vm/command_line.h"
#include "vm/jail.h"

static struct pyro_machine_config plain(void)
{
    return (struct pyro_machine_config){.qemu_path = "/usr/bin/qemu-system-x86_64",
                                        .tsc_khz = 2596124,
                                        .vcpu_count = 2,
                                        .mem_mib = 1024,
                                        .mac = {0x02, 0xab, 0, 1, 2, 0xff},
                                        .kernel = "/h/vmlinuz",
                                        .initrd = "/h/initrd",
                                        .rootfs = "/h/root,fs.ext4",
                                        .overlay = "/h/\"o\".qcow2"};
}

static struct pyro_argv words_of(const struct pyro_machine_config *config)
{
    struct pyro_machine_ends ends = {.agent = 11, .qmp = 12, .console = 13, .network = 14};
    struct pyro_argv argv = {0};
    pyro_command_line_add(&argv, config, &ends);
    return argv;
}

static const char *after(const struct pyro_argv *argv, const char *option)
{
    for (size_t i = 0; i + 1 < argv->count; i++) {
        if (strcmp(argv->words[i], option) == 0)
            return argv->words[i + 1];
    }
    return "(not there)";
}

/* How many words contain the text. */
static int count(const struct pyro_argv *argv, const char *text)
{
    int found = 0;
    for (size_t i = 0; i < argv->count; i++)
        found += strstr(argv->words[i], text) != NULL;
    return found;
}

static void test_bare(void)
{
    struct pyro_machine_config config = plain();
    struct pyro_argv argv = words_of(&config);
    ok(!argv.failed, "built");
    is_text(after(&argv, "-accel"), "tcg,thread=multi", "emulation");
    is_text(after(&argv, "-smp"), "2", "vCPUs");
    is_text(after(&argv, "-m"), "1024M", "memory");
    is_text(after(&argv, "-kernel"), "/h/vmlinuz", "kernel");
    ok(strstr(after(&argv, "-append"), " tsc_early_khz=2596124 tsc=reliable") != NULL,
       "the kernel is told the TSC's frequency");
    is_text(after(&argv, "-sandbox"),
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "all four denies");
    ok(count(&argv, "\"filename\":\"/h/root,fs.ext4\"") == 1, "a comma in a path is no option");
    ok(count(&argv, "\"filename\":\"/h/\\\"o\\\".qcow2\"") == 1, "nor is a quote");
    ok(count(&argv, "fd=11") == 1 && count(&argv, "fd=12") == 1 && count(&argv, "fd=13") == 1,
       "the channels are there");
    is_int(count(&argv, "net"), 0, "no NIC, no word of a network");
    pyro_argv_finish(&argv);
}

static void test_shapes(void)
{
    struct pyro_machine_config config = plain();
    config.network = true;
    struct pyro_argv argv = words_of(&config);
    is_text(after(&argv, "-netdev"), "stream,id=n0,server=off,addr.type=fd,addr.str=14", "a NIC");
    ok(count(&argv, "mac=02:ab:00:01:02:ff") == 1, "with its address");
    pyro_argv_finish(&argv);

    config.kvm = true;
    argv = words_of(&config);
    is_text(after(&argv, "-accel"), "kvm", "KVM");
    is_text(after(&argv, "-cpu"), "host", "with the host's CPU");
    ok(!strstr(after(&argv, "-append"), "tsc") && !strstr(after(&argv, "-append"), "mitigations"),
       "and a kernel that takes care of itself");
    pyro_argv_finish(&argv);

    config.kvm = false;
    config.tsc_khz = 0;
    argv = words_of(&config);
    ok(!strstr(after(&argv, "-append"), "tsc"), "an unknown frequency is not told");
    pyro_argv_finish(&argv);

    config.bwrap_path = "/usr/bin/bwrap";
    argv = words_of(&config);
    is_int(count(&argv, "/h/"), 0, "in a jail no path of the host is used");
    is_text(after(&argv, "-initrd"), PYRO_JAIL_INITRD, "but the jail's");
    pyro_argv_finish(&argv);
}

static void test_jail(void)
{
    struct pyro_jail jail = {.bwrap_path = "/usr/bin/bwrap",
                             .qemu_path = "/usr/bin/qemu-system-x86_64",
                             .kernel = "/h/vmlinuz",
                             .initrd = "/h/initrd",
                             .rootfs = "/h/rootfs",
                             .overlay = "/h/overlay"};
    struct pyro_argv argv = {0};
    pyro_jail_add(&argv, &jail);
    ok(count(&argv, "--unshare-all") && count(&argv, "--clearenv") && count(&argv, "--remount-ro"),
       "the walls");
    is_text(after(&argv, "--cap-drop"), "ALL", "no capability");
    is_text(after(&argv, "--bind"), "/h/overlay", "only the overlay can be written");
    is_int(count(&argv, "--bind"), 1, "and nothing else");
    is_int(count(&argv, "/dev/kvm"), 0, "no KVM device under emulation");
    is_text(argv.words[argv.count - 1], "--", "what follows is the program");
    pyro_argv_finish(&argv);
    jail.kvm = true;
    argv = (struct pyro_argv){0};
    pyro_jail_add(&argv, &jail);
    is_int(count(&argv, "/dev/kvm"), 2, "the KVM device with KVM");
    pyro_argv_finish(&argv);
}

int main(void)
{
    test_bare();
    test_shapes();
    test_jail();
    return tap_done();
}
