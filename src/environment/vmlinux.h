/* A compressed kernel becomes the ELF file inside it, which QEMU starts without the decompressor
 * having to run in the guest. */
#ifndef PYRO_ENVIRONMENT_VMLINUX_H
#define PYRO_ENVIRONMENT_VMLINUX_H

#include <stddef.h>
#include <stdint.h>

/* Unpacks the payload of a bzImage and checks that QEMU can start it through its PVH entry. 0 and
 * bytes to be freed; -ENOTSUP when the kernel is packed in another way or has no such entry,
 * -EBADMSG when the file is not what it says it is, -ENOMEM. */
int pyro_vmlinux_unpack(const uint8_t *image, size_t size, uint8_t **ret_bytes, size_t *ret_size);

#endif
