/* Replacing a file takes a few thousand pieces of kernel code that nothing else on the way to the
 * first command needs. Under emulation that is most of a restored guest's SETUP, because QEMU has
 * to translate each piece first. Overwriting a page that is mapped, writable and dirty already
 * takes none. */
#include "guest/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"

enum { PAGE = 4096, LARGEST = PAGE - 1 }; /* the rest of the page is zeros: it ends the text */

static struct {
    const char *path;
    char *bytes; /* NULL: not mapped */
    size_t size;
} files[] = {
    [PYRO_IDENTITY_HOSTNAME] = {.path = "/etc/hostname"},
    [PYRO_IDENTITY_HOSTS] = {.path = "/etc/hosts"},
    [PYRO_IDENTITY_MACHINE_ID] = {.path = "/etc/machine-id"},
    [PYRO_IDENTITY_RESOLVER] = {.path = "/etc/resolv.conf"},
};

static char nothing[] = ""; /* stands for the content of an empty file, which has no page */

/* A page that the kernel writes to the disk is write-protected by that; written to after the last
 * sync, it stays as it is while the guest is frozen. */
static void make_writable(char *bytes)
{
    volatile char *first = bytes;
    *first = *first;
}

static void map(size_t index)
{
    struct stat status;
    cleanup_close int fd = open(files[index].path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    size_t size = (size_t)status.st_size;
    if (size > LARGEST)
        return;
    char *bytes = nothing;
    if (size > 0) {
        bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            return;
        make_writable(bytes);
    }
    files[index].bytes = bytes;
    files[index].size = size;
}

void pyro_identity_map(void)
{
    pyro_identity_unmap();
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        map(i);
}

void pyro_identity_unmap(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (files[i].size > 0)
            munmap(files[i].bytes, files[i].size);
        files[i].bytes = NULL;
        files[i].size = 0;
    }
}

const char *pyro_identity_mapped(enum pyro_identity_file file)
{
    return files[file].bytes;
}

int pyro_identity_write(enum pyro_identity_file file, const char *text)
{
    size_t size = strlen(text);
    if (!files[file].bytes || files[file].size != size)
        return pyro_file_replace_at(AT_FDCWD, files[file].path, text, size, 0644, 0);
    memcpy(files[file].bytes, text, size);
    return 0;
}
