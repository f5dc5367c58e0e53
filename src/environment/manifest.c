#include "environment/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "environment/digest.h"
#include "environment/stamp.h"

static const char manifest_file[] = "manifest.json";

enum {
    MANIFEST_MAX = 64 << 10,
    MANIFEST_FORMAT = 1,
};

/* The files of an installation, one after the other; NULL after the last. */
static const char *file_name(const char *kernel, size_t index)
{
    const char *const names[] = {"rootfs.ext4", "overlay.qcow2", "modules.cpio", kernel};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

/* Reads a file's digest; its state is taken before and after, so that the stamp never vouches for a
 * file that changed meanwhile. */
static int digest_file(int directory, const char *file, struct stat *ret_status, char *ret_digest,
                       bool durable)
{
    struct stat before;
    cleanup_close int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &before) < 0)
        return -errno;
    if (!S_ISREG(before.st_mode))
        return -EINVAL;
    int r = pyro_digest_fd(fd, ret_digest);
    if (r == 0 && durable && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && fstat(fd, ret_status) < 0)
        r = -errno;
    if (r == 0 && (before.st_ctim.tv_sec != ret_status->st_ctim.tv_sec ||
                   before.st_ctim.tv_nsec != ret_status->st_ctim.tv_nsec))
        r = -EAGAIN;
    return r;
}

static json_t *describe(const struct pyro_environment *environment,
                        const struct pyro_kernel_facts *facts, json_t *files)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s+, s:s, s:s, s:I, s:f, s:O}", "format",
                     MANIFEST_FORMAT, "name", environment->name, "version", environment->version,
                     "platform", environment->platform, "source", "mmdebstrap:", environment->suite,
                     "kernel", facts->file, "kernel_version", facts->version, "package_count",
                     (json_int_t)facts->package_count, "installed_at", pyro_wall_seconds(), "files",
                     files);
}

int pyro_manifest_write(int directory, const struct pyro_environment *environment,
                        const struct pyro_kernel_facts *facts, struct pyro_error *error)
{
    cleanup_json json_t *files = json_object(), *stamp = json_object();
    const char *file;
    for (size_t i = 0; (file = file_name(facts->file, i)); i++) {
        char digest[PYRO_DIGEST_SIZE];
        struct stat status;
        int r = digest_file(directory, file, &status, digest, true);
        if (r < 0)
            return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "reading %s back", file);
        json_t *entry =
            json_pack("{s:I, s:s}", "size", (json_int_t)status.st_size, "sha256", digest);
        if (json_object_set_new(files, file, entry) < 0 ||
            pyro_stamp_set(stamp, file, &status, digest) < 0)
            return pyro_error_no_memory(error);
    }
    cleanup_json json_t *manifest = describe(environment, facts, files);
    if (!manifest)
        return pyro_error_no_memory(error);
    int r = pyro_json_file_replace_at(directory, manifest_file, manifest, 1);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "writing the manifest");
    pyro_stamp_store(directory, stamp);
    return 0;
}

const char *pyro_manifest_kernel(const json_t *manifest)
{
    return pyro_json_text(manifest, "kernel", "");
}

const char *pyro_manifest_digest(const json_t *manifest, const char *file)
{
    return pyro_json_text(json_object_get(json_object_get(manifest, "files"), file), "sha256", "");
}

static int damaged(const struct pyro_environment *environment, const char *file,
                   const char *problem, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_ENVIRONMENT_DAMAGED,
                   "the installation of %s is damaged: %s: %s", environment->name, file, problem);
    return pyro_error_hint(error, "`pyro env pull %s` repairs it", environment->name);
}

static bool is_digest(const char *text)
{
    return strlen(text) == PYRO_DIGEST_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == PYRO_DIGEST_SIZE - 1;
}

/* Says what is wrong with a manifest's own words, or NULL. */
static const char *find_fault(const json_t *manifest, const struct pyro_environment *environment)
{
    const json_t *files = json_object_get(manifest, "files");
    const char *kernel = pyro_manifest_kernel(manifest), *file;
    size_t count = 0;
    if (pyro_json_integer(manifest, "format", -1) != MANIFEST_FORMAT)
        return "not of a known format";
    if (strcmp(pyro_json_text(manifest, "name", ""), environment->name) != 0)
        return "of another environment";
    const char *version = pyro_json_text(manifest, "kernel_version", "");
    if (!*version || strlen(version) > 127 || strchr(version, '/'))
        return "no valid kernel_version";
    if (pyro_json_integer(manifest, "package_count", -1) < 0)
        return "no valid package_count";
    if (pyro_json_real(manifest, "installed_at", -1) < 0)
        return "no valid installed_at";
    if (strcmp(kernel, PYRO_KERNEL_PLAIN) != 0 && strcmp(kernel, PYRO_KERNEL_PACKED) != 0)
        return "no valid kernel";
    for (; (file = file_name(kernel, count)); count++) {
        const json_t *entry = json_object_get(files, file);
        if (pyro_json_integer(entry, "size", -1) < 0 ||
            !is_digest(pyro_json_text(entry, "sha256", "")))
            return "no valid size and sha256 of each file";
    }
    return json_object_size(files) == count ? NULL : "a file that does not belong there";
}

/* Compares one file with its entry; asks the stamp first. 1 when the stamp learned something. */
static int check_file(int directory, const char *file, const json_t *entry, json_t *stamp,
                      const char **ret_problem)
{
    const char *wanted = pyro_json_text(entry, "sha256", "");
    struct stat status;
    char digest[PYRO_DIGEST_SIZE];
    *ret_problem = NULL;
    if (fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) < 0)
        *ret_problem = strerror(errno);
    else if (!S_ISREG(status.st_mode))
        *ret_problem = "not a regular file";
    else if (status.st_size != pyro_json_integer(entry, "size", -1))
        *ret_problem = "of another size than the manifest says";
    if (*ret_problem || pyro_stamp_holds(stamp, file, &status, wanted))
        return 0;
    int r = digest_file(directory, file, &status, digest, false);
    if (r < 0)
        *ret_problem = strerror(-r);
    else if (strcmp(digest, wanted) != 0)
        *ret_problem = "its content does not match its digest";
    return !*ret_problem && pyro_stamp_set(stamp, file, &status, digest) == 0;
}

static int check_files(int directory, const struct pyro_environment *environment,
                       const json_t *manifest, struct pyro_error *error)
{
    cleanup_json json_t *stamp = pyro_stamp_load(directory);
    const json_t *files = json_object_get(manifest, "files");
    bool learned = false;
    if (!stamp)
        return pyro_error_no_memory(error);
    const char *file, *problem;
    for (size_t i = 0; (file = file_name(pyro_manifest_kernel(manifest), i)); i++) {
        if (check_file(directory, file, json_object_get(files, file), stamp, &problem))
            learned = true;
        if (problem)
            return damaged(environment, file, problem, error);
    }
    if (learned)
        pyro_stamp_store(directory, stamp);
    return 0;
}

json_t *pyro_manifest_load(int directory, const struct pyro_environment *environment,
                           struct pyro_error *error)
{
    int r;
    cleanup_json json_t *manifest =
        pyro_json_file_read_at(directory, manifest_file, MANIFEST_MAX, &r);
    if (!manifest) {
        damaged(environment, manifest_file, r == -EBADMSG ? "not valid JSON" : strerror(-r), error);
        return NULL;
    }
    if (strcmp(pyro_json_text(manifest, "version", environment->version), environment->version)) {
        pyro_error_set(error, PYRO_ERROR_NOT_INSTALLED, "%s is installed in another version, %.32s",
                       environment->name, pyro_json_text(manifest, "version", ""));
        pyro_error_hint(error, "`pyro env pull %s` installs version %s", environment->name,
                        environment->version);
        return NULL;
    }
    const char *fault = find_fault(manifest, environment);
    if (fault) {
        damaged(environment, manifest_file, fault, error);
        return NULL;
    }
    if (check_files(directory, environment, manifest, error) < 0)
        return NULL;
    return steal_pointer(&manifest);
}
