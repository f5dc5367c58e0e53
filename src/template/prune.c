/* Removing templates that nothing can use, and what makers and notes have left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "template/keep.h"

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
    snprintf(reason, reason_size,
             pyro_template_is_staging(name) ? "unfinished template" : "template: damaged");
    if (pyro_template_is_staging(name) || !manifest)
        return true;
    const struct pyro_environment *environment = pyro_environment_find(of, &ignored);
    snprintf(reason, reason_size, "template: its environment is not installed");
    if (!environment ||
        pyro_installation_open(prune->home, environment, &installation, &ignored) < 0)
        return true;
    const struct pyro_template_source today = {.home = prune->home,
                                               .host = prune->host,
                                               .environment = environment,
                                               .installation = &installation};
    size_t used = (size_t)snprintf(reason, reason_size, "template: ");
    bool usable = pyro_template_is_usable(prune->templates, name, &today, manifest, reason + used,
                                          reason_size - used);
    pyro_installation_finish(&installation);
    return !usable;
}

static void look_at(struct prune *prune, const char *name)
{
    char reason[200];
    cleanup_json json_t *manifest = pyro_template_manifest_read(prune->templates, name);
    if (!is_useless(prune, name, manifest, reason, sizeof(reason)))
        return;
    uint64_t bytes = pyro_template_take_away(prune->templates, name);
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
        const char *dot = strchr(entry->d_name, '.');
        if (dot && (strncmp(dot, ".note", 5) == 0 || strcmp(dot, ".log") == 0))
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
    char **names = templates < 0 ? NULL : pyro_template_names(templates, &count);
    if (templates < 0 || !names)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE,
                                    templates < 0 ? templates : -ENOMEM, "pruning %s/templates",
                                    home->path);
    for (size_t i = 0; i < count; i++)
        look_at(&prune, names[i]);
    pyro_template_names_free(names, count);
    forget_notes(templates);
    json_object_set_new(result, "count", json_integer((json_int_t)json_array_size(prune.deleted)));
    json_object_set_new(
        result, "freed_bytes",
        json_integer((json_int_t)prune.freed_bytes + pyro_json_integer(result, "freed_bytes", 0)));
    return 0;
}
