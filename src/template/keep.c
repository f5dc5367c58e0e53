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
#include "template/keep.h"

enum { TEMPLATES_MAX = 1024 };

/* SLUG-HASH: what else lies there is not ours to take away. */
static bool is_name(const char *name)
{
    enum { HASH = 16 };
    const char *dash = strrchr(name, '-');
    return dash && strlen(dash + 1) == HASH && strspn(dash + 1, "0123456789abcdef") == HASH;
}

/* Names of all template directories, staging ones too. An array of `ret_count`, each to be freed.
 */
char **pyro_template_names(int templates, size_t *ret_count)
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
        if (directory >= 0 && !hidden && is_name(entry->d_name) &&
            (names[count] = strdup(entry->d_name)))
            count++;
    }
    if (stream)
        closedir(stream);
    *ret_count = count;
    return names;
}

void pyro_template_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

bool pyro_template_is_staging(const char *name)
{
    return name[0] == '.';
}

/* Bytes that are free again; 0 when somebody uses it. Its name is lost first: being killed in
 * between leaves a staging directory. */
uint64_t pyro_template_take_away(int templates, const char *name)
{
    const char *key =
        pyro_template_is_staging(name) ? name + strlen(PYRO_TEMPLATE_STAGING_PREFIX) : name;
    cleanup_close int lock = pyro_template_lock(templates, key, "lock", LOCK_EX | LOCK_NB);
    cleanup_close int use =
        lock < 0 ? -1 : pyro_template_lock(templates, key, "use", LOCK_EX | LOCK_NB);
    cleanup_free char *aside = pyro_text_format(PYRO_TEMPLATE_STAGING_PREFIX "%s", key);
    if (use < 0 || !aside)
        return 0;
    uint64_t bytes = pyro_usage_at(templates, name);
    if (!pyro_template_is_staging(name) && (pyro_tree_remove_at(templates, aside) < 0 ||
                                            renameat(templates, name, templates, aside) < 0))
        return 0;
    return pyro_tree_remove_at(templates, aside) < 0 ? 0 : MAX(bytes, (uint64_t)1);
}

/* What is not a number of MiB is not taken for a wish to have none. */
static uint64_t limit_bytes(void)
{
    enum { LARGEST_MIB = 1 << 30 };
    const char *set = getenv("PYRO_TEMPLATES_MAX_MIB");
    char *end = (char *)set;
    long long mib = set ? strtoll(set, &end, 10) : 0;
    if (!set || end == set || *end || mib < 0 || mib > LARGEST_MIB)
        mib = PYRO_TEMPLATES_MAX_MIB;
    return (uint64_t)mib << 20;
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
    char **names = pyro_template_names(templates, &count);
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
        if ((!keep || strcmp(aged[i].name, keep) != 0) &&
            pyro_template_take_away(templates, aged[i].name) > 0)
            total -= MIN(aged[i].bytes, total);
    }
    free(aged);
    if (names)
        pyro_template_names_free(names, count);
}

bool pyro_template_has_elder(int templates, const struct pyro_template_key *key)
{
    static const char *const same[] = {"environment", "vcpu_count", "mem_mib", "network"};
    size_t count;
    bool found = false;
    char **names = pyro_template_names(templates, &count);
    for (size_t i = 0; names && i < count && !found; i++) {
        cleanup_json json_t *manifest = pyro_template_manifest_read(templates, names[i]);
        const json_t *of = json_object_get(manifest, "of");
        found = of && !pyro_template_is_staging(names[i]) && strcmp(names[i], key->name) != 0;
        for (size_t j = 0; j < ARRAY_SIZE(same) && found; j++)
            found = json_equal(json_object_get(of, same[j]), json_object_get(key->inputs, same[j]));
    }
    if (names)
        pyro_template_names_free(names, count);
    return found;
}

/* The key that a template of this manifest's shape would have now. */
static int key_of_today(const struct pyro_template_source *today, const json_t *manifest,
                        struct pyro_template_key *ret_key)
{
    const json_t *of = json_object_get(manifest, "of");
    struct pyro_template_source source = *today;
    source.shape =
        (struct pyro_shape){.vcpu_count = (unsigned)pyro_json_integer(of, "vcpu_count", 0),
                            .mem_mib = (unsigned)pyro_json_integer(of, "mem_mib", 0),
                            .network = pyro_json_boolean(of, "network", false)};
    return pyro_template_key_init(ret_key, &source);
}

bool pyro_template_is_usable(int templates, const char *name,
                             const struct pyro_template_source *today, const json_t *manifest,
                             char *reason, size_t reason_size)
{
    struct pyro_template_key key;
    if (key_of_today(today, manifest, &key) < 0)
        return false;
    int directory = -ENOENT;
    snprintf(reason, reason_size, "of another QEMU, kernel, agent, recipe or host");
    if (strcmp(key.name, name) == 0)
        directory =
            pyro_template_open(templates, &key, today->host->tsc_khz, NULL, reason, reason_size);
    pyro_template_key_finish(&key);
    if (directory < 0)
        return false;
    close(directory);
    return true;
}

static json_t *describe(int templates, const char *name, const struct pyro_template_source *today,
                        const json_t *manifest)
{
    char reason[160] = "";
    const json_t *of = json_object_get(manifest, "of");
    bool usable = pyro_template_is_usable(templates, name, today, manifest, reason, sizeof(reason));
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

json_t *pyro_template_list(const struct pyro_template_source *today)
{
    json_t *list = json_array();
    size_t count = 0;
    cleanup_close int templates = pyro_templates_open(today->home);
    char **names = templates < 0 ? NULL : pyro_template_names(templates, &count);
    for (size_t i = 0; names && i < count; i++) {
        cleanup_json json_t *manifest = pyro_template_manifest_read(templates, names[i]);
        const char *of = pyro_json_text(json_object_get(manifest, "of"), "environment", "");
        if (!pyro_template_is_staging(names[i]) && strcmp(of, today->environment->name) == 0)
            json_array_append_new(list, describe(templates, names[i], today, manifest));
    }
    if (names)
        pyro_template_names_free(names, count);
    return list;
}
