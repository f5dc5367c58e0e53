/* Removing what nothing can use. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "environment/environment.h"
#include "environment/staging.h"
#include "environment/usage.h"

enum { MANIFEST_MAX = 64 << 10 };

struct prune {
    int environments;
    json_t *deleted;
    uint64_t freed_bytes;
};

static const struct pyro_environment *find_slug(const char *slug)
{
    for (size_t i = 0; pyro_catalog[i]; i++) {
        if (strcmp(pyro_catalog[i]->slug, slug) == 0)
            return pyro_catalog[i];
    }
    return NULL;
}

static void record(struct prune *prune, const char *name, const char *version, const char *reason,
                   uint64_t bytes)
{
    json_array_append_new(prune->deleted, json_pack("{s:s, s:s?, s:s}", "name", name, "version",
                                                    version, "reason", reason));
    prune->freed_bytes += bytes;
}

/* Under the lock of SLUG a staging directory has no owner. */
static int remove_staging(struct prune *prune, const char *directory)
{
    const char *slug = directory + strlen(PYRO_STAGING_PREFIX);
    cleanup_close int lock =
        pyro_environment_lock_file(prune->environments, slug, "lock", LOCK_EX | LOCK_NB);
    if (lock < 0)
        return lock == -EWOULDBLOCK ? 0 : lock;
    const struct pyro_environment *environment = find_slug(slug);
    uint64_t bytes = pyro_usage_at(prune->environments, directory);
    int r = pyro_staging_remove(prune->environments, directory);
    if (r == 0)
        record(prune, environment ? environment->name : slug, NULL, "unfinished pull", bytes);
    return r;
}

/* Moved aside first, so that being killed in between leaves a staging directory and not half an
 * installation. */
static int remove_installation(struct prune *prune, const char *slug, const char *name,
                               const char *version, const char *reason)
{
    cleanup_close int lock =
        pyro_environment_lock_file(prune->environments, slug, "lock", LOCK_EX | LOCK_NB);
    cleanup_close int use =
        lock < 0 ? lock
                 : pyro_environment_lock_file(prune->environments, slug, "use", LOCK_EX | LOCK_NB);
    if (use < 0)
        return use == -EWOULDBLOCK ? 0 : use;
    cleanup_free char *aside = pyro_text_format(PYRO_STAGING_PREFIX "%s", slug);
    if (!aside)
        return -ENOMEM;
    uint64_t bytes = pyro_usage_at(prune->environments, slug);
    int r = pyro_staging_remove(prune->environments, aside);
    if (r == 0 && renameat(prune->environments, slug, prune->environments, aside) < 0)
        r = -errno;
    if (r == 0)
        r = pyro_staging_remove(prune->environments, aside);
    if (r == 0)
        record(prune, name, version, reason, bytes);
    return r;
}

static int look_at_installation(struct prune *prune, const char *slug)
{
    const struct pyro_environment *environment = find_slug(slug);
    cleanup_free char *path = pyro_text_format("%s/manifest.json", slug);
    int r;
    cleanup_json json_t *manifest =
        path ? pyro_json_file_read_at(prune->environments, path, MANIFEST_MAX, &r) : NULL;
    const char *version = pyro_json_text(manifest, "version", NULL);
    if (!environment)
        return remove_installation(prune, slug, pyro_json_text(manifest, "name", slug), version,
                                   "not in the catalog");
    if (version && strcmp(version, environment->version) != 0)
        return remove_installation(prune, slug, environment->name, version, "another version");
    return 0;
}

/* Directories only: beside them lie the lock files. */
static int look_at(struct prune *prune, const char *name)
{
    cleanup_close int directory =
        openat(prune->environments, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? 0 : -errno;
    if (strncmp(name, PYRO_STAGING_PREFIX, strlen(PYRO_STAGING_PREFIX)) == 0)
        return remove_staging(prune, name);
    return name[0] == '.' ? 0 : look_at_installation(prune, name);
}

static int look_at_all(struct prune *prune)
{
    int again = openat(prune->environments, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (!stream)
        return -errno;
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(stream)))
        r = look_at(prune, entry->d_name);
    closedir(stream);
    return r;
}

int pyro_environment_prune(const struct pyro_home *home, json_t **ret_result,
                           struct pyro_error *error)
{
    cleanup_json json_t *deleted = json_array();
    cleanup_close int environments = pyro_environments_open(home);
    struct prune prune = {.environments = environments, .deleted = deleted};
    int r = environments;
    if (deleted && environments >= 0)
        r = look_at_all(&prune);
    if (r < 0 && r != -ENOENT)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, r, "pruning %s/environments",
                                    home->path);
    *ret_result = json_pack("{s:O, s:I, s:I}", "deleted", deleted, "count",
                            (json_int_t)json_array_size(deleted), "freed_bytes",
                            (json_int_t)prune.freed_bytes);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}
