#include "environment/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/detach.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/macros.h"
#include "base/process.h"
#include "base/text.h"
#include "environment/orphan.h"

enum {
    HELPER_TIMEOUT_MS = 60000,
    ORPHAN_TIMEOUT_MS = 30000,
    ORPHAN_TICK_MS = 50,
    MOMENT_MS = 100,
    WORK_MODE = 0755, /* subordinate users must get through, and list it to clear it */
};

/* An ordinary user's build runs as subordinate users, who cannot reach into a private home: it
 * unpacks here instead, and a link in the staging directory remembers where. */
static const char work_template[] = "/var/tmp/pyro-pull-XXXXXX";
static const char work_link[] = "work";

int pyro_environments_open(const struct pyro_home *home)
{
    cleanup_free char *path = pyro_text_format("%s/environments", home->path);
    if (!path)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int pyro_environment_lock_file(int environments, const char *slug, const char *suffix,
                               int operation)
{
    cleanup_free char *name = pyro_text_format("%s.%s", slug, suffix);
    if (!name)
        return -ENOMEM;
    cleanup_close int fd =
        openat(environments, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = pyro_flock(fd, operation);
    return r < 0 ? r : steal_fd(&fd);
}

/* Files of subordinate users can only be removed by them. */
static int remove_as_subordinates(const char *path)
{
    char *const argv[] = {"mmdebstrap", "--unshare-helper", "rm", "-rf", (char *)path, NULL};
    int r = pyro_program_run(argv, HELPER_TIMEOUT_MS, 4096, NULL);
    return r < 0 ? r : r > 0 ? -EACCES : 0;
}

/* The link lies in a directory that a user may have edited: believe it only when it names a
 * directory that a pull of this user made. */
static int remove_work(int staging)
{
    char path[sizeof(work_template)];
    ssize_t length = readlinkat(staging, work_link, path, sizeof(path));
    if (length != (ssize_t)strlen(work_template))
        return 0;
    path[length] = '\0';
    size_t fixed = strlen(work_template) - 6;
    struct stat status;
    if (strncmp(path, work_template, fixed) != 0 || strchr(path + fixed, '/') ||
        lstat(path, &status) < 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
        return 0;
    int r = pyro_tree_remove_at(AT_FDCWD, path);
    if (r < 0) {
        remove_as_subordinates(path); /* all but the directory itself, which is ours */
        r = pyro_tree_remove_at(AT_FDCWD, path);
    }
    return r;
}

static int remove_once(int environments, const char *name)
{
    cleanup_close int staging =
        openat(environments, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (staging >= 0) {
        pyro_orphan_kill(staging);
        int r = remove_work(staging);
        if (r < 0)
            return r;
    }
    return pyro_tree_remove_at(environments, name);
}

int pyro_staging_remove(int environments, const char *name)
{
    uint64_t deadline_ms = pyro_now_ms() + ORPHAN_TIMEOUT_MS;
    int r;
    /* Whoever still writes there is about to end. */
    while ((r = remove_once(environments, name)) == -ENOTEMPTY && pyro_now_ms() < deadline_ms)
        poll(NULL, 0, ORPHAN_TICK_MS);
    return r;
}

static int make_work(struct pyro_staging *staging)
{
    if (geteuid() == 0) {
        staging->work = pyro_text_format("%s/%s", staging->path, work_link);
        if (!staging->work)
            return -ENOMEM;
        return mkdirat(staging->directory, work_link, WORK_MODE) < 0 ? -errno : 0;
    }
    staging->work = strdup(work_template);
    if (!staging->work)
        return -ENOMEM;
    if (!mkdtemp(staging->work)) {
        free(steal_pointer(&staging->work));
        return -errno;
    }
    if (symlinkat(staging->work, staging->directory, work_link) < 0) {
        int r = -errno;
        rmdir(staging->work);
        return r;
    }
    return chmod(staging->work, WORK_MODE) < 0 ? -errno : 0;
}

static int create(struct pyro_staging *staging, const struct pyro_home *home, const char *slug)
{
    staging->environments = pyro_environments_open(home);
    if (staging->environments < 0)
        return staging->environments;
    staging->name = pyro_text_format(PYRO_STAGING_PREFIX "%s", slug);
    staging->path =
        staging->name ? pyro_text_format("%s/environments/%s", home->path, staging->name) : NULL;
    if (!staging->path)
        return -ENOMEM;
    int r = pyro_staging_remove(staging->environments, staging->name);
    if (r < 0)
        return r;
    if (mkdirat(staging->environments, staging->name, 0700) < 0)
        return -errno;
    staging->directory =
        openat(staging->environments, staging->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return staging->directory < 0 ? -errno : make_work(staging);
}

int pyro_staging_create(struct pyro_staging *staging, const struct pyro_home *home,
                        const char *slug, struct pyro_error *error)
{
    *staging = (struct pyro_staging){.environments = -1, .directory = -1};
    int r = create(staging, home, slug);
    if (r == 0)
        return 0;
    pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, r, "preparing %s/environments",
                         home->path);
    pyro_staging_finish(staging);
    return -1;
}

int pyro_staging_install(struct pyro_staging *staging, const char *slug)
{
    int r = remove_work(staging->directory);
    if (r == 0)
        r = pyro_tree_remove_at(staging->directory, work_link);
    if (r < 0)
        return r;
    if (fsync(staging->directory) < 0)
        return -errno;
    int in = staging->environments;
    if (renameat2(in, staging->name, in, slug, RENAME_NOREPLACE) < 0) {
        if (errno != EEXIST)
            return -errno;
        if (renameat2(in, staging->name, in, slug, RENAME_EXCHANGE) < 0)
            return -errno;
    }
    return fsync(in) < 0 ? -errno : 0;
}

void pyro_staging_finish(struct pyro_staging *staging)
{
    if (staging->directory >= 0)
        close(staging->directory);
    if (staging->environments >= 0) {
        if (staging->name)
            pyro_staging_remove(staging->environments, staging->name);
        close(staging->environments);
    }
    free(staging->name);
    free(staging->path);
    free(staging->work);
    *staging = (struct pyro_staging){.environments = -1, .directory = -1};
}

static void remove_detached(void *userdata)
{
    const struct pyro_staging *staging = userdata;
    pyro_staging_remove(staging->environments, staging->name);
}

void pyro_staging_abandon(struct pyro_staging *staging, int lock)
{
    const int keep[] = {staging->environments, lock};
    if (staging->name) {
        cleanup_close int removed = pyro_detach(remove_detached, staging, keep, ARRAY_SIZE(keep));
        struct pollfd wait = {.fd = removed, .events = POLLIN};
        if (removed >= 0) {
            poll(&wait, 1, MOMENT_MS);
            free(steal_pointer(&staging->name)); /* nothing for us to remove */
        }
    }
    pyro_staging_finish(staging);
}
