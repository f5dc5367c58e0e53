/* Making a template: a guest is booted on files of its own, does once what its environment is used
 * for, and is frozen. Until the last step all of it lies in a staging directory that belongs to the
 * holder of the lock; whoever holds it next takes away what a maker that died has left. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/client.h"
#include "template/make.h"
#include "template/note.h"

enum {
    MAKER_SECONDS = 900,        /* nothing of a maker lives longer */
    EXPECTED_BYTES = 256 << 20, /* what a template takes */
    SPARE_MIB = 512,            /* left free on the disk */
};

struct maker {
    const struct pyro_template_source *source;
    const struct pyro_observer *observer;
    const struct pyro_template_key *key;
    int templates, staging;
    char *staging_name, *staging_path;
    struct pyro_bundle_config config;
};

static void report(const struct maker *maker, const char *phase, const char *message)
{
    const struct pyro_progress progress = {
        .operation = "template", .phase = phase, .message = message};
    if (maker->observer && maker->observer->progress)
        maker->observer->progress(maker->observer->userdata, &progress);
}

static int check_space(const struct maker *maker, struct pyro_error *error)
{
    struct statvfs status;
    if (fstatvfs(maker->templates, &status) < 0)
        return 0;
    uint64_t free_mib = (uint64_t)status.f_bavail * status.f_frsize >> 20;
    uint64_t needed = MIN(maker->source->shape.mem_mib, 1024u) + SPARE_MIB;
    if (free_mib >= needed)
        return 0;
    return pyro_error_set(error, PYRO_ERROR_DISK_FULL,
                          "cannot make a template: %llu MiB are free, and it needs %llu",
                          (unsigned long long)free_mib, (unsigned long long)needed);
}

static int make_ram(int directory, unsigned mem_mib)
{
    cleanup_close int fd =
        openat(directory, "ram", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)mem_mib << 20) < 0)
        return -errno;
    return 0;
}

static int make_staging(struct maker *maker, struct pyro_error *error)
{
    const struct pyro_template_source *source = maker->source;
    maker->staging_name = pyro_text_format(PYRO_TEMPLATE_STAGING_PREFIX "%s", maker->key->name);
    maker->staging_path = pyro_text_format("%s/templates/" PYRO_TEMPLATE_STAGING_PREFIX "%s",
                                           source->home->path, maker->key->name);
    if (!maker->staging_name || !maker->staging_path)
        return pyro_error_no_memory(error);
    int r = pyro_tree_remove_at(maker->templates, maker->staging_name);
    if (r == 0 && mkdirat(maker->templates, maker->staging_name, 0700) < 0)
        r = -errno;
    if (r == 0) {
        maker->staging = openat(maker->templates, maker->staging_name,
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = maker->staging < 0 ? -errno : make_ram(maker->staging, source->shape.mem_mib);
    }
    if (r == 0)
        r = pyro_file_copy_at(AT_FDCWD, source->installation->overlay, maker->staging,
                              "overlay.qcow2", 0600);
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                        "cannot begin a template in %s", maker->staging_path)
                 : 0;
}

/* The guest is an ordinary one-shot VM but for its files. It has no row in the store: nobody is to
 * find it, and what has neither row nor lock is swept up. */
static int describe_guest(struct maker *maker, int bundle, struct pyro_error *error)
{
    const struct pyro_template_source *source = maker->source;
    struct pyro_bundle_config *config = &maker->config;
    if (pyro_bundle_config_init(config, source->home, source->host, source->installation,
                                &source->shape, config->vm_id, error) < 0)
        return -1;
    config->one_shot = true;
    config->expires_at = pyro_wall_seconds() + MAKER_SECONDS;
    free(config->machine.overlay);
    free(config->machine.initrd);
    config->machine.overlay = pyro_text_format("%s/overlay.qcow2", maker->staging_path);
    config->machine.initrd = pyro_text_format("%s/initrd", maker->staging_path);
    config->machine.ram = pyro_text_format("%s/ram", maker->staging_path);
    config->freeze_into = strdup(maker->staging_path);
    if (!config->machine.overlay || !config->machine.initrd || !config->machine.ram ||
        !config->freeze_into)
        return pyro_error_no_memory(error);
    return pyro_bundle_config_write(bundle, config, error);
}

static int run_guest(struct maker *maker, const struct pyro_holds *holds, struct pyro_error *error)
{
    struct pyro_client *client;
    report(maker, "boot", "booting the guest that others will be clones of");
    if (pyro_client_spawn(maker->source->home, maker->config.vm_id, holds, &client, error) < 0)
        return -1;
    int r = pyro_client_wait_running(client, maker->observer, error);
    if (r == 0) {
        report(maker, "warming", "running what it is used for");
        r = pyro_warm_up(client, maker->source->environment,
                         maker->observer ? maker->observer->cancel_fd : -1, error);
    }
    if (r == 0) {
        report(maker, "freezing", "saving it");
        r = pyro_client_freeze(client, maker->observer, error);
    }
    pyro_client_stop(client, PYRO_STOP_AT_ONCE, NULL); /* its end: nothing of it runs */
    pyro_client_destroy(client);
    return r;
}

static int boot_and_freeze(struct maker *maker, struct pyro_error *error)
{
    const struct pyro_template_source *source = maker->source;
    struct pyro_holds holds = {.bundle = -1, .environment = -1, .template_ = -1};
    cleanup_close int bundle = -1;
    if (pyro_vm_id_make(maker->config.vm_id) < 0 ||
        pyro_bundle_create(source->home, maker->config.vm_id, &bundle, &holds.bundle, error) < 0)
        return -1;
    holds.environment = pyro_installation_lock(source->home, source->environment, error);
    int r = holds.environment < 0 ? -1 : describe_guest(maker, bundle, error);
    if (r == 0)
        r = run_guest(maker, &holds, error);
    close(holds.bundle);
    if (holds.environment >= 0)
        close(holds.environment);
    pyro_bundle_remove(source->home, maker->config.vm_id);
    return r;
}

/* On the disk before it has its name, so that no power cut leaves a template with holes; and out of
 * reach of a slip, because one write makes it useless. */
static int settle_files(int staging)
{
    for (const char *const *file = pyro_template_files; *file; file++) {
        cleanup_close int fd = openat(staging, *file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fsync(fd) < 0 || fchmod(fd, 0400) < 0)
            return -errno;
    }
    return 0;
}

/* In one step where the file system can; elsewhere a start that comes in between boots. */
static int take_place(const struct maker *maker)
{
    int in = maker->templates;
    const char *from = maker->staging_name, *name = maker->key->name;
    if (renameat2(in, from, in, name, RENAME_NOREPLACE) == 0 ||
        (errno == EEXIST && renameat2(in, from, in, name, RENAME_EXCHANGE) == 0))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    int r = pyro_tree_remove_at(in, name);
    return r == 0 && renameat(in, from, in, name) < 0 ? -errno : r;
}

static int install(struct maker *maker, double started, struct pyro_error *error)
{
    const char *name = maker->key->name;
    cleanup_json json_t *manifest =
        json_pack("{s:O, s:I, s:f, s:f}", "of", maker->key->inputs, "tsc_khz",
                  (json_int_t)maker->source->host->tsc_khz, "made_at", pyro_wall_seconds(),
                  "making_ms", (pyro_wall_seconds() - started) * 1000);
    int r = manifest ? settle_files(maker->staging) : -ENOMEM;
    if (r == 0)
        r = pyro_template_manifest_write(maker->staging, manifest);
    if (r == 0 && fsync(maker->staging) < 0)
        r = -errno;
    if (r == 0)
        r = take_place(maker);
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                        "cannot install the template %s", name)
                 : 0;
}

static int make(struct maker *maker, struct pyro_error *error)
{
    double started = pyro_wall_seconds();
    int r = make_staging(maker, error);
    pyro_template_evict(maker->templates, EXPECTED_BYTES, maker->key->name);
    if (r == 0)
        r = check_space(maker, error);
    if (r == 0)
        r = boot_and_freeze(maker, error);
    if (r == 0)
        r = install(maker, started, error);
    /* What is there now is what was never finished, or what the new one has replaced. */
    if (maker->staging_name)
        pyro_tree_remove_at(maker->templates, maker->staging_name);
    if (r == 0)
        pyro_template_evict(maker->templates, 0, maker->key->name);
    return r;
}

int pyro_template_make_locked(const struct pyro_template_source *source,
                              const struct pyro_template_key *key, int templates,
                              const struct pyro_observer *observer, struct pyro_error *error)
{
    char reason[160];
    cleanup_close int usable =
        pyro_template_open(templates, key, source->host->tsc_khz, NULL, reason, sizeof(reason));
    if (usable >= 0)
        return 0;
    struct maker maker = {
        .source = source, .observer = observer, .key = key, .templates = templates, .staging = -1};
    struct pyro_error why = PYRO_ERROR_INIT;
    int r = make(&maker, &why);
    if (r < 0 && error)
        *error = why;
    /* What could not be made three times is not tried at every start. */
    if (r < 0 && why.code != PYRO_ERROR_CANCELLED)
        pyro_template_note_failure(templates, key->name, why.message, 0);
    if (maker.staging >= 0)
        close(maker.staging);
    free(maker.staging_name);
    free(maker.staging_path);
    pyro_bundle_config_finish(&maker.config);
    return r;
}
