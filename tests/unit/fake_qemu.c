/* Stands in for QEMU in test_machine.c: takes its command line, tells over the agent's channel what
 * it can see and what it was given, and waits to be killed. Uses nothing that a jail may lack. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static const char *value_after(char **argv, const char *prefix)
{
    for (; *argv; argv++) {
        if (strncmp(*argv, prefix, strlen(prefix)) == 0)
            return *argv + strlen(prefix);
    }
    return "-1";
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 3; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int can_write(const char *path)
{
    int fd = open(path, O_RDWR);
    return fd >= 0 && close(fd) == 0;
}

static int can_read(const char *path)
{
    int fd = open(path, O_RDONLY);
    return fd >= 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
    struct rlimit core = {1, 1};
    int agent = atoi(value_after(argv, "socket,id=agent,fd="));
    (void)argc;
    if (strcmp(argv[1], "--version") == 0)
        return puts("QEMU emulator version 99.0") < 0;
    getrlimit(RLIMIT_CORE, &core);
    dprintf(agent,
            "descriptors=%d environment=%d passwd=%d kernel=%d rootfs=%d overlay=%d pid1=%d "
            "core=%d new=%d\n",
            count_descriptors(), environ[0] != NULL && environ[1] != NULL, can_read("/etc/passwd"),
            can_read("/vm/kernel"), can_write("/vm/rootfs.ext4"), can_write("/vm/overlay.qcow2"),
            getpid() == 1, core.rlim_cur != 0, getpid() == 1 && mkdir("/new", 0700) == 0);
    dprintf(1, "fake QEMU is up\n");
    for (;;)
        pause();
}
