#include "guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "guest/console.h"
#include "guest/network.h"

struct mount_point {
    const char *source, *target, *type;
    unsigned long flags;
    const char *options;
};

static const struct mount_point early[] = {
    {"dev", "/dev", "devtmpfs", MS_NOSUID, "mode=755"},
    {"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
};

static const struct mount_point late[] = {
    {"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
    {"shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"},
    {"cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate"},
};

static void mount_all(const struct mount_point *points, size_t count)
{
    for (const struct mount_point *at = points; at < points + count; at++) {
        mkdir(at->target, 0755); /* an image may have been built without it */
        if (mount(at->source, at->target, at->type, at->flags, at->options) < 0)
            pyro_power_off_because("cannot mount %s: %s", at->target, strerror(errno));
    }
}

/* devtmpfs knows devices only; shells count on these (`<(…)` opens /dev/fd/N). */
static void link_devices(void)
{
    static const struct {
        const char *target, *path;
    } links[] = {
        {"/proc/self/fd", "/dev/fd"},
        {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"},
        {"/proc/self/fd/2", "/dev/stderr"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
            pyro_console_log("cannot link %s: %s", links[i].path, strerror(errno));
    }
}

/* The kernel starts PID 1 with a hard limit of 4096 open files, too few for some servers. */
static void raise_limits(void)
{
    struct rlimit files = {.rlim_cur = 1024, .rlim_max = 524288};
    setrlimit(RLIMIT_NOFILE, &files);
}

/* What the kernel would look after several times a second, though nothing happens: each look is a
 * wake-up, and under emulation those are most of what an idle guest costs. */
static void let_idle(void)
{
    static const struct {
        const char *path, *value;
    } settings[] = {
        {"/proc/sys/vm/stat_interval", "60"}, /* seconds; 1 by default */
        {"/proc/sys/vm/compaction_proactiveness",
         "0"}, /* memory is compacted when it is asked for */
    };
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        cleanup_close int fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, settings[i].value, strlen(settings[i].value)) < 0)
            pyro_console_log("cannot set %s: %s", settings[i].path, strerror(errno));
    }
}

/* An initramfs without /dev/console starts PID 1 without descriptors; none of ours may become 0
 * to 2. */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void pyro_boot(void)
{
    umask(0);
    mount_all(early, ARRAY_SIZE(early));
    fill_standard_descriptors();
    pyro_modules_load();
    pyro_root_enter();
    mount_all(late, ARRAY_SIZE(late));
    link_devices();
    mkdir("/run/lock", 01777);
    umask(022);
    raise_limits();
    let_idle();
    int r = pyro_network_up("lo");
    if (r < 0)
        pyro_console_log("cannot bring up lo: %s", strerror(-r));
}
