/* Pyro's own programs and files: are they there, writable, readable, and is there room for more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/json.h"
#include "base/text.h"
#include "environment/environment.h"
#include "operation/doctor.h"
#include "template/template.h"

enum {
    DISK_NEEDED_MIB = 256,       /* for a guest's own writes */
    DISK_COMFORTABLE_MIB = 2048, /* for building one more environment */
};

static void check_programs(struct pyro_doctor *doctor)
{
    const char *directory = doctor->context->home.libexec;
    cleanup_free char *agent = pyro_text_format("%s/pyro-agent", directory);
    cleanup_free char *supervisor = pyro_text_format("%s/pyro-supervisor", directory);
    const char *missing = NULL;
    if (!agent || access(agent, R_OK) < 0)
        missing = "pyro-agent";
    else if (!supervisor || access(supervisor, X_OK) < 0)
        missing = "pyro-supervisor";
    if (missing)
        pyro_doctor_add(doctor, "programs", PYRO_VERDICT_FAILED, NULL,
                        "%s is not in %s: install pyro again, or set PYRO_LIBEXEC to their "
                        "directory",
                        missing, directory);
    else
        pyro_doctor_add(doctor, "programs", PYRO_VERDICT_OK, NULL,
                        "pyro-agent, pyro-supervisor in %s", directory);
}

static bool check_home(struct pyro_doctor *doctor)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    bool good = pyro_home_create(&doctor->context->home, &error) == 0;
    if (good)
        pyro_doctor_add(doctor, "home", PYRO_VERDICT_OK, NULL, "%s", doctor->context->home.path);
    else
        pyro_doctor_add(doctor, "home", PYRO_VERDICT_FAILED, "export PYRO_HOME=\"$HOME/pyro\"",
                        "%s", error.message);
    return good;
}

static void check_store(struct pyro_doctor *doctor)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_store *store;
    struct pyro_vm_record *records = NULL;
    size_t count = 0;
    if (pyro_context_store(doctor->context, &store, &error) < 0 ||
        pyro_store_vm_list(store, &records, &count, &error) < 0)
        pyro_doctor_add(doctor, "store", PYRO_VERDICT_FAILED, error.hint[0] ? error.hint : NULL,
                        "%s", error.message);
    else
        pyro_doctor_add(doctor, "store", PYRO_VERDICT_OK, NULL, "%zu VM%s", count,
                        count == 1 ? "" : "s");
    pyro_store_vms_free(records, count);
}

static void check_disk(struct pyro_doctor *doctor)
{
    struct statvfs status;
    const char *path = doctor->context->home.path;
    if (statvfs(path, &status) < 0) {
        pyro_doctor_add(doctor, "disk", PYRO_VERDICT_WARNING, NULL, "cannot look at %s: %s", path,
                        strerror(errno));
        return;
    }
    uint64_t free_mib = (uint64_t)status.f_bavail * status.f_frsize >> 20;
    enum pyro_verdict verdict = free_mib < DISK_NEEDED_MIB        ? PYRO_VERDICT_FAILED
                                : free_mib < DISK_COMFORTABLE_MIB ? PYRO_VERDICT_WARNING
                                                                  : PYRO_VERDICT_OK;
    pyro_doctor_add(doctor, "disk", verdict, verdict == PYRO_VERDICT_OK ? NULL : "pyro env prune",
                    "%.1f GiB free at %s", (double)free_mib / 1024, path);
}

/* Adds the environment to the report and returns its name when it is damaged. */
static const char *look_at(struct pyro_doctor *doctor, const struct pyro_environment *environment)
{
    cleanup_json json_t *entry =
        pyro_environment_to_json(&doctor->context->home, environment, false);
    bool installed = pyro_json_boolean(entry, "installed", false);
    const char *problem = pyro_json_text(entry, "problem", NULL);
    doctor->installed_count += installed;
    json_array_append_new(doctor->environments,
                          json_pack("{s:s, s:b, s:s?}", "name", environment->name, "installed",
                                    installed, "problem", problem));
    return problem ? environment->name : NULL;
}

static void check_environments(struct pyro_doctor *doctor)
{
    const char *damaged = NULL, *first = pyro_catalog[0]->name;
    size_t count = 0;
    for (; pyro_catalog[count]; count++) {
        const char *name = look_at(doctor, pyro_catalog[count]);
        damaged = damaged ? damaged : name;
    }
    const char *wanted = damaged ? damaged : first;
    cleanup_free char *fix = pyro_text_format("pyro env pull %s", wanted);
    if (damaged)
        pyro_doctor_add(doctor, "environments", PYRO_VERDICT_WARNING, fix,
                        "%s is damaged; its next use repairs it", damaged);
    else if (doctor->installed_count == 0)
        pyro_doctor_add(doctor, "environments", PYRO_VERDICT_WARNING, fix,
                        "none of %zu is installed; the first use installs one", count);
    else
        pyro_doctor_add(doctor, "environments", PYRO_VERDICT_OK, NULL, "%zu of %zu installed",
                        doctor->installed_count, count);
}

static bool is_given_up(const json_t *note)
{
    return pyro_json_integer(note, "failures", 0) >= PYRO_TEMPLATE_FAILURES_MAX;
}

/* What an upgrade of pyro does happens to all templates at once: one line is enough. Removes the
 * first one and all that tell the same, and returns how many more those were. */
static size_t remove_alike(json_t *notes)
{
    cleanup_json json_t *first = json_incref(json_array_get(notes, 0));
    const char *reason = pyro_json_text(first, "reason", "?");
    size_t before = json_array_size(notes);
    for (size_t i = before; i-- > 0;) {
        const json_t *note = json_array_get(notes, i);
        if (is_given_up(note) == is_given_up(first) &&
            strcmp(pyro_json_text(note, "reason", "?"), reason) == 0)
            json_array_remove(notes, i);
    }
    return before - json_array_size(notes) - 1;
}

static void add_template(struct pyro_doctor *doctor, const json_t *note, size_t others)
{
    bool given_up = is_given_up(note);
    char more[32] = "";
    if (others > 0)
        snprintf(more, sizeof(more), " and %zu more", others);
    pyro_doctor_add(doctor, "templates", PYRO_VERDICT_WARNING, given_up ? "pyro env prune" : NULL,
                    "%s%s could not be used: %s; guests boot instead%s",
                    pyro_json_text(note, "name", "?"), more, pyro_json_text(note, "reason", "?"),
                    given_up ? "" : " until the next start has made it anew");
}

/* What went wrong with a template is told once; guests boot meanwhile. */
static void check_templates(struct pyro_doctor *doctor)
{
    cleanup_json json_t *notes = pyro_template_notes_take(&doctor->context->home);
    if (json_array_size(notes) == 0)
        pyro_doctor_add(doctor, "templates", PYRO_VERDICT_OK, NULL,
                        "nothing has happened to any template since the last look");
    while (json_array_size(notes) > 0) {
        cleanup_json json_t *note = json_incref(json_array_get(notes, 0));
        add_template(doctor, note, remove_alike(notes));
    }
}

void pyro_doctor_check_files(struct pyro_doctor *doctor)
{
    check_programs(doctor);
    if (check_home(doctor)) {
        check_store(doctor);
        check_disk(doctor);
    }
    check_environments(doctor);
    check_templates(doctor);
}
