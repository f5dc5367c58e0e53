/* What the kernel starts from: the modules of the installation, then the agent as /init. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "environment/cpio.h"
#include "environment/environment.h"

enum { PART_MAX = 32 << 20 };

static int write_agent(int fd, const char *agent, size_t size)
{
    struct pyro_cpio cpio = {.fd = fd};
    int r = pyro_cpio_add(&cpio, "dev", S_IFDIR | 0755, 0, NULL, 0);
    if (r == 0) /* the kernel opens it as the agent's first three descriptors */
        r = pyro_cpio_add(&cpio, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
    if (r == 0)
        r = pyro_cpio_add(&cpio, "init", S_IFREG | 0755, 0, agent, size);
    return r == 0 ? pyro_cpio_end(&cpio) : r;
}

static int write_parts(const char *path, const char *modules, size_t modules_size,
                       const char *agent, size_t agent_size)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = pyro_fd_write_all(fd, modules, modules_size);
    return r == 0 ? write_agent(fd, agent, agent_size) : r;
}

int pyro_initrd_write(const char *modules_path, const char *agent_path, const char *path,
                      struct pyro_error *error)
{
    cleanup_free char *modules = NULL, *agent = NULL;
    size_t modules_size, agent_size;
    int r = pyro_file_read_at(AT_FDCWD, agent_path, PART_MAX, &agent, &agent_size);
    if (r < 0) {
        pyro_error_set_errno(error, PYRO_ERROR_MISSING_PROGRAM, r, "reading the guest agent %s",
                             agent_path);
        return pyro_error_hint(error, "install pyro again");
    }
    r = pyro_file_read_at(AT_FDCWD, modules_path, PART_MAX, &modules, &modules_size);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_ENVIRONMENT_DAMAGED, r, "reading %s",
                                    modules_path);
    r = write_parts(path, modules, modules_size, agent, agent_size);
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "writing %s", path) : 0;
}
