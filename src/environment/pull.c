/* From nothing to an installation, or to nothing again. */
#include "environment/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "environment/builder.h"
#include "environment/image.h"
#include "environment/kernel.h"
#include "environment/manifest.h"
#include "environment/overlay.h"

enum {
    WAIT_TICK_MS = 200,
    NEED_FREE_MIB = 2048, /* a build at its largest: the tree, its archive and its image */
};

static int image_progress(void *userdata, uint64_t done, uint64_t total)
{
    struct pyro_pull *pull = userdata;
    pyro_pull_advance(pull, done, total);
    return pyro_pull_cancelled(pull);
}

static int check_free_space(const struct pyro_pull *pull, const char *path,
                            struct pyro_error *error)
{
    struct statvfs status;
    if (statvfs(path, &status) < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, errno, "pulling %s: %s",
                                    pull->environment->name, path);
    uint64_t free_mib = (uint64_t)status.f_bavail * status.f_frsize >> 20;
    if (free_mib >= NEED_FREE_MIB)
        return 0;
    pyro_error_set(error, PYRO_ERROR_DISK_FULL,
                   "pulling %s: %s has %" PRIu64 " MiB free, and building needs %d",
                   pull->environment->name, path, free_mib, NEED_FREE_MIB);
    return pyro_error_hint(error, "free some disk space, or set PYRO_HOME to a larger disk");
}

static int build_image(struct pyro_pull *pull, int tar_fd, struct pyro_error *error)
{
    cleanup_free char *rootfs = pyro_text_format("%s/rootfs.ext4", pull->staging.path);
    if (!rootfs)
        return pyro_error_no_memory(error);
    pyro_pull_phase(pull, "packages", "starting mmdebstrap");
    if (pyro_builder_run(pull, tar_fd, error) < 0)
        return -1;
    pyro_pull_phase(pull, "image", "writing the disk image");
    if (pyro_image_write(tar_fd, rootfs, image_progress, pull, error) < 0)
        return error->code == PYRO_ERROR_CANCELLED ? pyro_pull_cancel(pull, error) : -1;
    return pyro_overlay_create(pull->staging.path, error);
}

/* Everything up to the manifest, in the staging directory. */
static int build(struct pyro_pull *pull, struct pyro_error *error)
{
    static const char spool[] = "rootfs.tar";
    struct pyro_kernel_facts facts = {0};
    int directory = pull->staging.directory;
    cleanup_close int tar_fd =
        openat(directory, spool, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (tar_fd < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errno, "pulling %s",
                                    pull->environment->name);
    if (build_image(pull, tar_fd, error) < 0)
        return -1;
    pyro_pull_phase(pull, "kernel", "taking out the kernel and its modules");
    if (pyro_kernel_extract(tar_fd, directory, &facts, error) < 0)
        return -1;
    unlinkat(directory, spool, 0);
    if (pyro_pull_cancelled(pull))
        return pyro_pull_cancel(pull, error);
    pyro_pull_phase(pull, "digest", "computing digests");
    return pyro_manifest_write(directory, pull->environment, &facts, error);
}

static int build_and_install(struct pyro_pull *pull, int lock, struct pyro_error *error)
{
    const char *slug = pull->environment->slug;
    if (pyro_staging_create(&pull->staging, pull->home, slug, error) < 0)
        return -1;
    int r = check_free_space(pull, pull->staging.path, error);
    if (r == 0)
        r = check_free_space(pull, pull->staging.work, error);
    if (r == 0)
        r = build(pull, error);
    if (r == 0) {
        pyro_pull_phase(pull, "install", "putting it in place");
        r = pyro_staging_install(&pull->staging, slug);
        if (r < 0)
            r = pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "pulling %s: installing it",
                                     pull->environment->name);
    }
    if (r < 0 && pyro_pull_cancelled(pull))
        pyro_staging_abandon(&pull->staging, lock);
    else
        pyro_staging_finish(&pull->staging);
    return r;
}

/* A descriptor that holds the lock. Another pull of the same environment is waited for. */
static int take_lock(struct pyro_pull *pull, struct pyro_error *error)
{
    cleanup_close int environments = pyro_environments_open(pull->home);
    int fd = environments;
    bool told = false;
    while (environments >= 0) {
        fd = pyro_environment_lock_file(environments, pull->environment->slug, "lock",
                                        LOCK_EX | LOCK_NB);
        if (fd != -EWOULDBLOCK)
            break;
        if (!told)
            pyro_pull_phase(pull, "waiting", "another process is pulling it");
        told = true;
        pyro_pull_advance(pull, 0, 0);
        struct pollfd wait = {.fd = pull->observer ? pull->observer->cancel_fd : -1,
                              .events = POLLIN};
        if (poll(&wait, 1, WAIT_TICK_MS) > 0)
            return pyro_pull_cancel(pull, error);
    }
    return fd < 0 ? pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, fd, "pulling %s",
                                         pull->environment->name)
                  : fd;
}

/* 1 when the installation is whole, 0 when it is to be built, -1 and an error. */
static int is_whole(const struct pyro_pull *pull, struct pyro_error *error)
{
    struct pyro_installation installation;
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_installation_open(pull->home, pull->environment, &installation, &why) == 0) {
        pyro_installation_finish(&installation);
        return 1;
    }
    if (why.code == PYRO_ERROR_NOT_INSTALLED || why.code == PYRO_ERROR_ENVIRONMENT_DAMAGED)
        return 0;
    if (error)
        *error = why;
    return -1;
}

int pyro_environment_pull_here(const struct pyro_home *home,
                               const struct pyro_environment *environment,
                               const struct pyro_observer *observer, struct pyro_error *error)
{
    struct pyro_error ignored = PYRO_ERROR_INIT;
    struct pyro_pull pull = {.home = home, .environment = environment, .observer = observer};
    error = error ? error : &ignored;
    int r = is_whole(&pull, error);
    if (r == 0) {
        cleanup_close int lock = take_lock(&pull, error);
        if (lock < 0)
            return -1;
        r = is_whole(&pull, error); /* whoever held the lock may have done the work */
        if (r == 0)
            r = build_and_install(&pull, lock, error);
    }
    if (r < 0)
        return -1;
    pyro_pull_phase(&pull, "done", "installed");
    return 0;
}
