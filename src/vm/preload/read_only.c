/* Loaded into a QEMU before 8.2. Such a QEMU opens the file behind a guest's memory for reading and
 * writing even when it maps it privately, and so could not start where the kernel forbids writing
 * to it; but a template's memory must be out of reach of a guest that broke into its QEMU. So that
 * one file is opened for reading here. What forbids writing is the read-only mount, not this. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int open64(const char *path, int flags, ...);
EXPORT int __open64_2(const char *path, int flags);

static int open_checked(const char *path, int flags, mode_t mode)
{
    const char *read_only = getenv("PYRO_READ_ONLY_FILE");
    if (read_only && (flags & O_ACCMODE) == O_RDWR && strcmp(path, read_only) == 0)
        flags = (flags & ~(O_ACCMODE | O_CREAT | O_TRUNC)) | O_RDONLY;
    return openat64(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_checked(path, flags, mode);
}

/* What open64() becomes in a program built with _FORTIFY_SOURCE. */
int __open64_2(const char *path, int flags)
{
    return open_checked(path, flags, 0);
}
