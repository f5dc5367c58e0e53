/* The jail around QEMU: bubblewrap with every namespace of its own, no capability, and nothing to
 * see but QEMU, its libraries and firmware, and the files of this machine. */
#ifndef PYRO_VM_JAIL_H
#define PYRO_VM_JAIL_H

#include <stdbool.h>

#include "base/process.h"

/* Where a machine's files are inside. */
#define PYRO_JAIL_KERNEL "/vm/kernel"
#define PYRO_JAIL_INITRD "/vm/initrd"
#define PYRO_JAIL_ROOTFS "/vm/rootfs.ext4"
#define PYRO_JAIL_OVERLAY "/vm/overlay.qcow2"
#define PYRO_JAIL_RAM "/vm/ram"
#define PYRO_JAIL_PRELOAD "/vm/readonly.so"

/* Names the file that libpyro-readonly.so opens for reading only (src/vm/preload/read_only.c). */
#define PYRO_READ_ONLY_VARIABLE "PYRO_READ_ONLY_FILE"

struct pyro_jail {
    const char *bwrap_path;
    const char *qemu_path;
    const char *kernel, *initrd, *rootfs, *overlay; /* NULL: not there */
    const char *ram;                                /* NULL: no file is its memory */
    bool ram_read_only;
    const char *read_only_preload; /* NULL: QEMU opens a read-only `ram` as it should */
    bool kvm;                      /* give it /dev/kvm */
};

/* Appends bwrap and its options; what follows is the program to run in the jail. Out of memory is
 * remembered in `argv`. */
void pyro_jail_add(struct pyro_argv *argv, const struct pyro_jail *jail);

#endif
