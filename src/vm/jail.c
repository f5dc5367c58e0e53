#include "vm/jail.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"

static void add_read_only(struct pyro_argv *argv, const char *path)
{
    pyro_argv_add(argv, "--ro-bind-try");
    pyro_argv_add(argv, path);
    pyro_argv_add(argv, path);
}

/* /lib and its like: links into /usr on most distributions, directories on the others. */
static void add_library_directory(struct pyro_argv *argv, const char *path)
{
    struct stat stat;
    if (lstat(path, &stat) < 0)
        return;
    if (!S_ISLNK(stat.st_mode)) {
        add_read_only(argv, path);
        return;
    }
    pyro_argv_add(argv, "--symlink");
    pyro_argv_addf(argv, "usr%s", path);
    pyro_argv_add(argv, path);
}

/* A QEMU outside /usr/bin brings libraries and firmware of its own, beside or above its program. */
static void add_private_qemu(struct pyro_argv *argv, const char *qemu_path)
{
    static const char *const beside[] = {"lib", "lib64", "libexec", "share/qemu", "pc-bios"};
    cleanup_free char *real = realpath(qemu_path, NULL);
    const char *program = real ? real : qemu_path;
    const char *slash = strrchr(program, '/');
    int length = slash ? (int)(slash - program) : 0;
    if (length == 0 || strncmp(program, "/usr/bin/", 9) == 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
        pyro_argv_add(argv, "--ro-bind-try");
        pyro_argv_addf(argv, "%.*s/../%s", length, program, beside[i]);
        pyro_argv_addf(argv, "%.*s/../%s", length, program, beside[i]);
    }
}

static void add_programs(struct pyro_argv *argv, const char *qemu_path)
{
    static const char *const directories[] = {"/lib", "/lib32", "/lib64"};
    static const char *const seen[] = {"/usr/lib",        "/usr/lib32",         "/usr/lib64",
                                       "/usr/share/qemu", "/usr/share/seabios", "/etc/ld.so.cache"};
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
        add_read_only(argv, seen[i]);
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        add_library_directory(argv, directories[i]);
    add_private_qemu(argv, qemu_path);
    pyro_argv_add(argv, "--ro-bind");
    pyro_argv_add(argv, qemu_path);
    pyro_argv_add(argv, qemu_path);
}

static void add_file(struct pyro_argv *argv, const char *how, const char *from, const char *to)
{
    if (!from)
        return;
    pyro_argv_add(argv, how);
    pyro_argv_add(argv, from);
    pyro_argv_add(argv, to);
}

/* A template's memory is the next guest's kernel: the mount forbids writing to it, and a QEMU that
 * would insist on it is told otherwise. */
static void add_ram(struct pyro_argv *argv, const struct pyro_jail *jail)
{
    add_file(argv, jail->ram_read_only ? "--ro-bind" : "--bind", jail->ram, PYRO_JAIL_RAM);
    if (!jail->ram || !jail->ram_read_only || !jail->read_only_preload)
        return;
    add_file(argv, "--ro-bind", jail->read_only_preload, PYRO_JAIL_PRELOAD);
    add_file(argv, "--setenv", "LD_PRELOAD", PYRO_JAIL_PRELOAD);
    add_file(argv, "--setenv", PYRO_READ_ONLY_VARIABLE, PYRO_JAIL_RAM);
}

void pyro_jail_add(struct pyro_argv *argv, const struct pyro_jail *jail)
{
    static const char *const walls[] = {
        "--unshare-all", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL",
        "--clearenv",    "--hostname",        "pyro",       NULL};
    pyro_argv_add(argv, jail->bwrap_path);
    pyro_argv_add_all(argv, walls);
    add_programs(argv, jail->qemu_path);
    add_file(argv, "--dev-bind", "/dev/null", "/dev/null");
    add_file(argv, "--dev-bind", "/dev/urandom", "/dev/urandom");
    if (jail->kvm)
        add_file(argv, "--dev-bind", "/dev/kvm", "/dev/kvm");
    add_file(argv, "--ro-bind", jail->kernel, PYRO_JAIL_KERNEL);
    add_file(argv, "--ro-bind", jail->initrd, PYRO_JAIL_INITRD);
    add_file(argv, "--ro-bind", jail->rootfs, PYRO_JAIL_ROOTFS);
    add_file(argv, "--bind", jail->overlay, PYRO_JAIL_OVERLAY);
    add_ram(argv, jail);
    pyro_argv_add(argv, "--remount-ro");
    pyro_argv_add(argv, "/");
    pyro_argv_add(argv, "--");
}
