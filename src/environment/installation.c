/* Opening, locking and describing an installation. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/text.h"
#include "environment/environment.h"
#include "environment/manifest.h"
#include "environment/staging.h"
#include "environment/usage.h"

void pyro_installation_finish(struct pyro_installation *installation)
{
    free(installation->directory);
    free(installation->rootfs);
    free(installation->overlay);
    free(installation->kernel);
    free(installation->modules);
    free(installation->kernel_version);
    free(installation->rootfs_digest);
    json_decref(installation->manifest);
    *installation = (struct pyro_installation){0};
}

static int not_installed(const struct pyro_environment *environment, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_NOT_INSTALLED, "%s is not installed", environment->name);
    return pyro_error_hint(error, "`pyro env pull %s`", environment->name);
}

static int fill_in(struct pyro_installation *installation, struct pyro_error *error)
{
    const char *directory = installation->directory;
    installation->rootfs = pyro_text_format("%s/rootfs.ext4", directory);
    installation->overlay = pyro_text_format("%s/overlay.qcow2", directory);
    installation->kernel =
        pyro_text_format("%s/%s", directory, pyro_manifest_kernel(installation->manifest));
    installation->modules = pyro_text_format("%s/modules.cpio", directory);
    installation->kernel_version =
        strdup(pyro_json_text(installation->manifest, "kernel_version", ""));
    installation->rootfs_digest =
        pyro_text_format("sha256:%s", pyro_manifest_digest(installation->manifest, "rootfs.ext4"));
    if (installation->rootfs && installation->overlay && installation->kernel &&
        installation->modules && installation->kernel_version && installation->rootfs_digest)
        return 0;
    pyro_installation_finish(installation);
    return pyro_error_no_memory(error);
}

int pyro_installation_open(const struct pyro_home *home, const struct pyro_environment *environment,
                           struct pyro_installation *ret_installation, struct pyro_error *error)
{
    *ret_installation = (struct pyro_installation){0};
    cleanup_free char *path = pyro_text_format("%s/environments/%s", home->path, environment->slug);
    if (!path)
        return pyro_error_no_memory(error);
    cleanup_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 && (errno == ENOENT || errno == ENOTDIR))
        return not_installed(environment, error);
    if (directory < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, errno, "opening %s", path);
    json_t *manifest = pyro_manifest_load(directory, environment, error);
    if (!manifest)
        return -1;
    ret_installation->manifest = manifest;
    ret_installation->directory = steal_pointer(&path);
    return fill_in(ret_installation, error);
}

int pyro_installation_lock(const struct pyro_home *home, const struct pyro_environment *environment,
                           struct pyro_error *error)
{
    cleanup_close int environments = pyro_environments_open(home);
    int fd = environments < 0
                 ? environments
                 : pyro_environment_lock_file(environments, environment->slug, "use", LOCK_SH);
    if (fd < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, fd, "locking %s",
                                    environment->name);
    return fd;
}

static json_t *package_names(const struct pyro_environment *environment)
{
    json_t *names = json_array();
    for (size_t i = 0; names && environment->packages[i]; i++)
        json_array_append_new(names, json_string(environment->packages[i]));
    return names;
}

static json_t *describe_entry(const struct pyro_environment *environment, bool installed)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s+, s:b}", "name", environment->name,
                     "version", environment->version, "description", environment->description,
                     "platform", environment->platform, "distribution", environment->distribution,
                     "distribution_version", environment->distribution_version, "default_packages",
                     package_names(environment), "source", "mmdebstrap:", environment->suite,
                     "installed", installed);
}

static json_t *describe_installation(const struct pyro_installation *installation)
{
    const json_t *manifest = installation->manifest;
    const json_t *rootfs = json_object_get(json_object_get(manifest, "files"), "rootfs.ext4");
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:f, s:[]}", "install_dir",
                     installation->directory, "kernel_image", installation->kernel, "rootfs_image",
                     installation->rootfs, "rootfs_digest", installation->rootfs_digest,
                     "rootfs_bytes", (json_int_t)pyro_json_integer(rootfs, "size", 0),
                     "disk_usage_bytes",
                     (json_int_t)pyro_usage_at(AT_FDCWD, installation->directory), "kernel_version",
                     installation->kernel_version, "package_count",
                     (json_int_t)pyro_json_integer(manifest, "package_count", 0), "installed_at",
                     pyro_json_real(manifest, "installed_at", 0), "templates");
}

json_t *pyro_environment_to_json(const struct pyro_home *home,
                                 const struct pyro_environment *environment, bool detailed)
{
    struct pyro_installation installation;
    struct pyro_error error = PYRO_ERROR_INIT;
    bool installed = pyro_installation_open(home, environment, &installation, &error) == 0;
    json_t *value = describe_entry(environment, installed);
    if (value && installed && detailed) {
        cleanup_json json_t *more = describe_installation(&installation);
        json_object_update(value, more);
    }
    if (value && !installed && error.code != PYRO_ERROR_NOT_INSTALLED)
        json_object_set_new(value, "problem", json_string(error.message));
    pyro_installation_finish(&installation);
    return value;
}
