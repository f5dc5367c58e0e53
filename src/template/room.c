#include "template/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "environment/staging.h"
#include "environment/stamp.h"
#include "template/note.h"

enum { MANIFEST_MAX = 64 << 10 };

const char *const pyro_template_files[] = {"ram", "state", "overlay.qcow2", "initrd", NULL};

int pyro_templates_open(const struct pyro_home *home)
{
    int fd = openat(home->directory_fd, "templates", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int pyro_template_lock(int templates, const char *name, const char *suffix, int operation)
{
    return pyro_environment_lock_file(templates, name, suffix, operation);
}

json_t *pyro_template_manifest_read(int templates, const char *name)
{
    cleanup_free char *path = pyro_text_format("%s/manifest.json", name);
    int r;
    json_t *manifest = path ? pyro_json_file_read_at(templates, path, MANIFEST_MAX, &r) : NULL;
    if (json_is_object(json_object_get(manifest, "of")) &&
        json_is_object(json_object_get(manifest, "files")))
        return manifest;
    json_decref(manifest);
    return NULL;
}

int pyro_template_manifest_write(int staging, json_t *manifest)
{
    json_t *files = json_object();
    if (json_object_set_new(manifest, "files", files) < 0)
        return -ENOMEM;
    for (const char *const *file = pyro_template_files; *file; file++) {
        struct stat status;
        if (fstatat(staging, *file, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        int r = pyro_stamp_set(files, *file, &status, "");
        if (r < 0)
            return r;
    }
    return pyro_json_file_replace_at(staging, "manifest.json", manifest, 1);
}

/* A guest that broke into its QEMU cannot write to the files. That nobody else did either shows in
 * the time of their last change, which no program can set. */
static int check_files(int directory, const json_t *manifest, char *reason, size_t reason_size)
{
    const json_t *files = json_object_get(manifest, "files");
    for (const char *const *file = pyro_template_files; *file; file++) {
        struct stat status;
        if (fstatat(directory, *file, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            snprintf(reason, reason_size, "its file %s is missing", *file);
            return -EUCLEAN;
        }
        if (!S_ISREG(status.st_mode) || !pyro_stamp_holds(files, *file, &status, "")) {
            snprintf(reason, reason_size, "its file %s was changed since it was made", *file);
            return -EUCLEAN;
        }
    }
    return 0;
}

static int check(int templates, int directory, const json_t *manifest,
                 const struct pyro_template_key *key, uint32_t tsc_khz, char *reason,
                 size_t reason_size)
{
    if (!manifest) {
        snprintf(reason, reason_size, "its manifest.json is damaged");
        return -EUCLEAN;
    }
    if (!json_equal(json_object_get(manifest, "of"), key->inputs)) {
        snprintf(reason, reason_size, "its manifest.json is of something else");
        return -EUCLEAN;
    }
    if (!pyro_template_tsc_fits(pyro_json_integer(manifest, "tsc_khz", 0), tsc_khz)) {
        snprintf(reason, reason_size, "this host's clock runs at another frequency");
        return -EUCLEAN;
    }
    if (pyro_template_has_failed(templates, key->name, pyro_json_real(manifest, "made_at", 0))) {
        snprintf(reason, reason_size, "a guest could not be restored from it");
        return -EUCLEAN;
    }
    return check_files(directory, manifest, reason, reason_size);
}

int pyro_template_open(int templates, const struct pyro_template_key *key, uint32_t tsc_khz,
                       double *ret_made_at, char *reason, size_t reason_size)
{
    cleanup_close int directory =
        openat(templates, key->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    cleanup_json json_t *manifest = pyro_template_manifest_read(templates, key->name);
    int r = check(templates, directory, manifest, key, tsc_khz, reason, reason_size);
    if (ret_made_at)
        *ret_made_at = pyro_json_real(manifest, "made_at", 0);
    return r < 0 ? r : steal_fd(&directory);
}

static double time_of(int directory, const char *path)
{
    struct stat status;
    if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (double)status.st_mtim.tv_sec + (double)status.st_mtim.tv_nsec / 1e9;
}

double pyro_template_last_use(int templates, const char *name)
{
    cleanup_free char *use = pyro_text_format("%s.use", name);
    double used_at = use ? time_of(templates, use) : 0, made_at = time_of(templates, name);
    return MAX(used_at, made_at);
}
