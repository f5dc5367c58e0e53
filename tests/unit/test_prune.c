/* Staging directories, locks, and what prune removes and leaves alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "environment/environment.h"
#include "environment/staging.h"
#include "tap.h"

static char home_path[] = "/tmp/pyro-test-XXXXXX";
static struct pyro_home home = {.path = home_path, .directory_fd = -1};
static int environments;

static void make(const char *path, const char *text)
{
    cleanup_free char *parent = pyro_text_format("%s/environments/%s", home_path, path);
    *strrchr(parent, '/') = '\0';
    pyro_directory_make(parent);
    pyro_file_replace_at(environments, path, text, strlen(text), 0600, 0);
}

static bool is_there(const char *path)
{
    return faccessat(environments, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static json_t *prune(void)
{
    json_t *result = NULL;
    struct pyro_error error = PYRO_ERROR_INIT;
    if (!is_int(pyro_environment_prune(&home, &result, &error), 0, "prune"))
        printf("# %s\n", error.message);
    return result;
}

static long long count(const json_t *result)
{
    return (long long)pyro_json_integer(result, "count", -1);
}

static void test_leaves_alone(void)
{
    make("debian-12/manifest.json", "{\"version\": \"2\"}");
    make("debian-12-base/manifest.json", "damaged");
    make("some.lock", "");
    make(".hidden/file", "");
    cleanup_json json_t *result = prune();
    is_int(count(result), 0, "nothing to remove");
    ok(is_there("debian-12/manifest.json"), "an installation stays");
    ok(is_there("debian-12-base/manifest.json"), "a damaged one, too: a pull repairs it");
    ok(is_there("some.lock") && is_there(".hidden/file"), "what is not ours stays");
}

static void test_removes(void)
{
    make("debian-11/manifest.json", "{\"name\": \"debian:11\", \"version\": \"9\"}");
    make("debian-11/rootfs.ext4", "0123456789");
    make("debian-12-base/manifest.json", "{\"version\": \"0\"}");
    make(".pull-debian-12/work/deep/down", "x");
    cleanup_json json_t *result = prune();
    is_int(count(result), 3, "three are removed");
    ok(pyro_json_integer(result, "freed_bytes", 0) > 0, "freed_bytes");
    ok(!is_there("debian-11") && !is_there("debian-12-base") && !is_there(".pull-debian-12"),
       "they are gone");
    ok(is_there("debian-12/manifest.json"), "the current one stays");
}

static void test_respects_locks(void)
{
    const struct pyro_environment *base = pyro_environment_find("debian:12-base", NULL);
    make("debian-12-base/manifest.json", "{\"version\": \"0\"}");
    make(".pull-debian-12/file", "x");
    int use = pyro_installation_lock(&home, base, NULL);
    int pull = pyro_environment_lock_file(environments, "debian-12", "lock", LOCK_EX);
    ok(use >= 0 && pull >= 0, "locks are taken");
    is_int(pyro_environment_lock_file(environments, "debian-12", "lock", LOCK_EX | LOCK_NB),
           -EWOULDBLOCK, "a pull's lock is exclusive");
    cleanup_json json_t *held = prune();
    is_int(count(held), 0, "what is in use stays");
    close(use);
    close(pull);
    cleanup_json json_t *freed = prune();
    is_int(count(freed), 2, "and goes when it is free");
}

static void test_staging(void)
{
    struct pyro_staging staging;
    make(".pull-debian-12/left/over", "x");
    make("debian-12/old", "old");
    is_int(pyro_staging_create(&staging, &home, "debian-12", NULL), 0, "create");
    ok(!is_there(".pull-debian-12/left"), "remains of a dead pull are gone");
    struct stat status;
    ok(stat(staging.work, &status) == 0 && (status.st_mode & 0777) == 0755, "a work directory");
    cleanup_free char *work = strdup(staging.work);
    make(".pull-debian-12/new", "new");
    is_int(pyro_staging_install(&staging, "debian-12"), 0, "install over another");
    pyro_staging_finish(&staging);
    ok(is_there("debian-12/new") && !is_there("debian-12/old"), "the new one is in place");
    ok(!is_there("debian-12/work") && access(work, F_OK) < 0, "the work directory is gone");
    ok(!is_there(".pull-debian-12"), "so is the old installation");
    is_int(pyro_staging_create(&staging, &home, "debian-12", NULL), 0, "create again");
    pyro_staging_finish(&staging);
    ok(!is_there(".pull-debian-12") && is_there("debian-12/new"), "given up without a trace");
}

/* The link to the work directory may have been edited: nothing else is removed through it. */
static void test_work_link_is_not_believed(void)
{
    char precious[] = "/tmp/pyro-test-precious-XXXXXX";
    if (!mkdtemp(precious))
        abort();
    const char *const targets[] = {precious, "/var/tmp/pyro-pull-../../x", "/var/tmp"};
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        make(".pull-debian-12/file", "x");
        symlinkat(targets[i], environments, ".pull-debian-12/work");
        is_int(pyro_staging_remove(environments, ".pull-debian-12"), 0, "remove");
        ok(access(targets[0], F_OK) == 0, "%s is not followed", targets[i]);
    }
    rmdir(precious);
}

int main(void)
{
    if (!mkdtemp(home_path))
        return 1;
    cleanup_free char *path = pyro_text_format("%s/environments", home_path);
    pyro_directory_make(path);
    environments = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_leaves_alone();
    test_removes();
    test_respects_locks();
    test_staging();
    test_work_link_is_not_believed();
    close(environments);
    pyro_tree_remove_at(AT_FDCWD, home_path);
    return tap_done();
}
