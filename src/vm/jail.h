/* The jail around QEMU: bubblewrap with every namespace of its own, no capability, and nothing to
 * see but QEMU, its libraries and firmware, and the four files of this machine. */
#ifndef PYRO_VM_JAIL_H
#define PYRO_VM_JAIL_H

#include <stdbool.h>

#include "base/process.h"

/* Where a machine's files are inside. */
#define PYRO_JAIL_KERNEL "/vm/kernel"
#define PYRO_JAIL_INITRD "/vm/initrd"
#define PYRO_JAIL_ROOTFS "/vm/rootfs.ext4"
#define PYRO_JAIL_OVERLAY "/vm/overlay.qcow2"

struct pyro_jail {
    const char *bwrap_path;
    const char *qemu_path;
    const char *kernel, *initrd, *rootfs, *overlay; /* NULL: not there */
    bool kvm;                                       /* give it /dev/kvm */
};

/* Appends bwrap and its options; what follows is the program to run in the jail. Out of memory is
 * remembered in `argv`. */
void pyro_jail_add(struct pyro_argv *argv, const struct pyro_jail *jail);

#endif
