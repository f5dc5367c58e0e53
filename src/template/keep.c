/* What templates there are, what they take, and which of them go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "environment/usage.h"
#include "template/make.h"

enum { TEMPLATES_MAX = 1024 };

/* Names of all directories that are not being made. An array of `ret_count`, each to be freed. */
static char **list_names(int templates, size_t *ret_count)
{
    int copy = openat(templates, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    char **names = calloc(TEMPLATES_MAX, sizeof(*names));
    size_t count = 0;
    struct dirent *entry;
    while (stream && names && count < TEMPLATES_MAX && (entry = readdir(stream))) {
        cleanup_close int directory =
            openat(templates, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bool hidden =
            entry->d_name[0] == '.' && strncmp(entry->d_name, PYRO_TEMPLATE_STAGING_PREFIX,
                                               strlen(PYRO_TEMPLATE_STAGING_PREFIX)) != 0;
        if (directory >= 0 && !hidden && (names[count] = strdup(entry->d_name)))
            count++;
    }
    if (stream)
        closedir(stream);
    *ret_count = count;
    return names;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static bool is_staging(const char *name)
{
    return name[0] == '.';
}

/* Bytes that are free again; 0 when somebody uses it. Its name is lost first: being killed in
 * between leaves a staging directory. */
static uint64_t take_away(int templates, const char *name)
{
    const char *key = is_staging(name) ? name + strlen(PYRO_TEMPLATE_STAGING_PREFIX) : name;
    cleanup_close int lock = pyro_template_lock(templates, key, "lock", LOCK_EX | LOCK_NB);
    cleanup_close int use =
        lock < 0 ? -1 : pyro_template_lock(templates, key, "use", LOCK_EX | LOCK_NB);
    cleanup_free char *aside = pyro_text_format(PYRO_TEMPLATE_STAGING_PREFIX "%s", key);
    if (use < 0 || !aside)
        return 0;
    uint64_t bytes = pyro_usage_at(templates, name);
    if (!is_staging(name) && (pyro_tree_remove_at(templates, aside) < 0 ||
                              renameat(templates, name, templates, aside) < 0))
        return 0;
    return pyro_tree_remove_at(templates, aside) < 0 ? 0 : MAX(bytes, (uint64_t)1);
}

static uint64_t limit_bytes(void)
{
    const char *set = getenv("PYRO_TEMPLATES_MAX_MIB");
    long long mib = set && *set ? strtoll(set, NULL, 10) : PYRO_TEMPLATES_MAX_MIB;
    return mib < 0 ? 0 : (uint64_t)mib << 20;
}

struct aged {
    const char *name;
    double last_use;
    uint64_t bytes;
};

static int compare_age(const void *left, const void *right)
{
    double a = ((const struct aged *)left)->last_use, b = ((const struct aged *)right)->last_use;
    return (a > b) - (a < b);
}

void pyro_template_evict(int templates, uint64_t room_bytes, const char *keep)
{
    size_t count;
    char **names = list_names(templates, &count);
    struct aged *aged = calloc(count + 1, sizeof(*aged));
    uint64_t total = room_bytes, limit = limit_bytes();
    for (size_t i = 0; names && aged && i < count; i++) {
        aged[i] = (struct aged){names[i], pyro_template_last_use(templates, names[i]),
                                pyro_usage_at(templates, names[i])};
        total += aged[i].bytes;
    }
    if (names && aged)
        qsort(aged, count, sizeof(*aged), compare_age);
    for (size_t i = 0; names && aged && i < count && total > limit; i++) {
        if ((!keep || strcmp(aged[i].name, keep) != 0) && take_away(templates, aged[i].name) > 0)
            total -= MIN(aged[i].bytes, total);
    }
    free(aged);
    if (names)
        free_names(names, count);
}

/* The key that a template of this manifest's environment and shape would have now. */
static int key_of_today(const struct pyro_home *home, const struct pyro_host *host,
                        const struct pyro_environment *environment,
                        const struct pyro_installation *installation, const json_t *manifest,
                        struct pyro_template_key *ret_key)
{
    const json_t *of = json_object_get(manifest, "of");
    const struct pyro_template_source source = {
        .home = home,
        .host = host,
        .environment = environment,
        .installation = installation,
        .shape = {.vcpu_count = (unsigned)pyro_json_integer(of, "vcpu_count", 0),
                  .mem_mib = (unsigned)pyro_json_integer(of, "mem_mib", 0),
                  .network = pyro_json_boolean(of, "network", false)}};
    return pyro_template_key_init(ret_key, &source);
}

/* Whether a start could use it. If not, `reason` says why. */
static bool is_usable(int templates, const char *name, const struct pyro_home *home,
                      const struct pyro_host *host, const struct pyro_environment *environment,
                      const struct pyro_installation *installation, const json_t *manifest,
                      char *reason, size_t reason_size)
{
    struct pyro_template_key key;
    if (key_of_today(home, host, environment, installation, manifest, &key) < 0)
        return false;
    int directory = -ENOENT;
    snprintf(reason, reason_size, "of another QEMU, kernel, agent, recipe or host");
    if (strcmp(key.name, name) == 0)
        directory = pyro_template_open(templates, &key, host->tsc_khz, reason, reason_size);
    pyro_template_key_finish(&key);
    if (directory < 0)
        return false;
    close(directory);
    return true;
}

static json_t *describe(int templates, const char *name, const struct pyro_home *home,
                        const struct pyro_host *host, const struct pyro_environment *environment,
                        const struct pyro_installation *installation, const json_t *manifest)
{
    char reason[160] = "";
    const json_t *of = json_object_get(manifest, "of");
    bool usable = is_usable(templates, name, home, host, environment, installation, manifest,
                            reason, sizeof(reason));
    cleanup_free char *ram = pyro_text_format("%s/ram", name);
    json_t *warm_up = json_object_get(of, "warm_up");
    return json_pack("{s:s, s:I, s:I, s:b, s:b, s:s?, s:I, s:I, s:f, s:f, s:f, s:o}", "name", name,
                     "vcpu_count", (json_int_t)pyro_json_integer(of, "vcpu_count", 0), "mem_mib",
                     (json_int_t)pyro_json_integer(of, "mem_mib", 0), "network",
                     pyro_json_boolean(of, "network", false), "usable", usable, "problem",
                     usable ? NULL : reason, "disk_usage_bytes",
                     (json_int_t)pyro_usage_at(templates, name), "ram_bytes",
                     ram ? (json_int_t)pyro_usage_at(templates, ram) : 0, "made_at",
                     pyro_json_real(manifest, "made_at", 0), "making_ms",
                     pyro_json_real(manifest, "making_ms", 0), "last_used_at",
                     pyro_template_last_use(templates, name), "warm_up",
                     json_is_array(warm_up) ? json_incref(warm_up) : json_array());
}

json_t *pyro_template_list(const struct pyro_home *home, const struct pyro_host *host,
                           const struct pyro_environment *environment,
                           const struct pyro_installation *installation)
{
    json_t *list = json_array();
    size_t count = 0;
    cleanup_close int templates = pyro_templates_open(home);
    char **names = templates < 0 ? NULL : list_names(templates, &count);
    for (size_t i = 0; names && i < count; i++) {
        cleanup_json json_t *manifest = pyro_template_manifest_read(templates, names[i]);
        const char *of = pyro_json_text(json_object_get(manifest, "of"), "environment", "");
        if (!is_staging(names[i]) && strcmp(of, environment->name) == 0)
            json_array_append_new(list, describe(templates, names[i], home, host, environment,
                                                 installation, manifest));
    }
    if (names)
        free_names(names, count);
    return list;
}

struct prune {
    const struct pyro_home *home;
    const struct pyro_host *host;
    int templates;
    json_t *deleted;
    uint64_t freed_bytes;
};

/* Why it can go; false when it may still be used. */
static bool is_useless(const struct prune *prune, const char *name, const json_t *manifest,
                       char *reason, size_t reason_size)
{
    struct pyro_error ignored = PYRO_ERROR_INIT;
    struct pyro_installation installation;
    const char *of = pyro_json_text(json_object_get(manifest, "of"), "environment", "");
    snprintf(reason, reason_size, is_staging(name) ? "unfinished template" : "template: damaged");
    if (is_staging(name) || !manifest)
        return true;
    const struct pyro_environment *environment = pyro_environment_find(of, &ignored);
    snprintf(reason, reason_size, "template: its environment is not installed");
    if (!environment ||
        pyro_installation_open(prune->home, environment, &installation, &ignored) < 0)
        return true;
    size_t used = (size_t)snprintf(reason, reason_size, "template: ");
    bool usable = is_usable(prune->templates, name, prune->home, prune->host, environment,
                            &installation, manifest, reason + used, reason_size - used);
    pyro_installation_finish(&installation);
    return !usable;
}

static void look_at(struct prune *prune, const char *name)
{
    char reason[200];
    cleanup_json json_t *manifest = pyro_template_manifest_read(prune->templates, name);
    if (!is_useless(prune, name, manifest, reason, sizeof(reason)))
        return;
    uint64_t bytes = take_away(prune->templates, name);
    if (bytes == 0)
        return;
    const char *of = pyro_json_text(json_object_get(manifest, "of"), "environment", name);
    json_array_append_new(prune->deleted,
                          json_pack("{s:s, s:n, s:s}", "name", of, "version", "reason", reason));
    prune->freed_bytes += bytes;
}

/* Notes and logs are forgotten: what failed may be tried again. The locks stay, somebody may be
 * waiting for one. */
static void forget_notes(int templates)
{
    int copy = openat(templates, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && (strcmp(dot, ".note") == 0 || strcmp(dot, ".log") == 0))
            unlinkat(templates, entry->d_name, 0);
    }
    if (stream)
        closedir(stream);
}

int pyro_template_prune(const struct pyro_home *home, const struct pyro_host *host, json_t *result,
                        struct pyro_error *error)
{
    size_t count = 0;
    cleanup_close int templates = pyro_templates_open(home);
    struct prune prune = {.home = home,
                          .host = host,
                          .templates = templates,
                          .deleted = json_object_get(result, "deleted")};
    char **names = templates < 0 ? NULL : list_names(templates, &count);
    if (templates < 0 || !names)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE,
                                    templates < 0 ? templates : -ENOMEM, "pruning %s/templates",
                                    home->path);
    for (size_t i = 0; i < count; i++)
        look_at(&prune, names[i]);
    free_names(names, count);
    forget_notes(templates);
    json_object_set_new(result, "count", json_integer((json_int_t)json_array_size(prune.deleted)));
    json_object_set_new(
        result, "freed_bytes",
        json_integer((json_int_t)prune.freed_bytes + pyro_json_integer(result, "freed_bytes", 0)));
    return 0;
}
