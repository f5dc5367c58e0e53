/* From the initramfs to a usable system on the disk. Every step that cannot be done without ends
 * the VM with a line on the console. */
#ifndef PYRO_GUEST_BOOT_H
#define PYRO_GUEST_BOOT_H

/* Device nodes, modules, the disk as root (boot.c), then the file systems that programs expect. */
void pyro_boot(void);

/* Loads the modules of the initramfs in the order of their names (modules.c). */
void pyro_modules_load(void);

/* Waits for the disk, mounts it and makes it the root directory (root.c). */
void pyro_root_enter(void);

#endif
