/* The operation `doctor`: what works on this host, what does not, and what mends it. It changes
 * nothing but the caches of what it measures. */
#include "operation/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/table.h"

void pyro_doctor_add(struct pyro_doctor *doctor, const char *name, enum pyro_verdict verdict,
                     const char *fix, const char *format, ...)
{
    static const char *const verdicts[] = {"ok", "warning", "failed"};
    char detail[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    cleanup_free char *valid = pyro_text_to_utf8(detail, strlen(detail), NULL);
    cleanup_free char *valid_fix = fix ? pyro_text_to_utf8(fix, strlen(fix), NULL) : NULL;
    doctor->ok = doctor->ok && verdict != PYRO_VERDICT_FAILED;
    json_array_append_new(doctor->checks,
                          json_pack("{s:s, s:s, s:s?, s:s?}", "name", name, "status",
                                    verdicts[verdict], "detail", valid, "fix", valid_fix));
}

void pyro_doctor_add_package(struct pyro_doctor *doctor, const char *name,
                             enum pyro_verdict verdict, const char *package, const char *detail)
{
    cleanup_free char *fix =
        pyro_text_format("%sapt-get install %s", geteuid() == 0 ? "" : "sudo ", package);
    pyro_doctor_add(doctor, name, verdict, fix, "%s", detail);
}

/* The last word is the VM room's own: whatever it would refuse to start on is a failure here. */
static void check_start(struct pyro_doctor *doctor)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    if (pyro_host_check(&doctor->host, false, &error) < 0 && doctor->ok)
        pyro_doctor_add(doctor, "start", PYRO_VERDICT_FAILED, error.hint[0] ? error.hint : NULL,
                        "%s", error.message);
}

static json_t *make_result(const struct pyro_doctor *doctor)
{
    const struct pyro_host *host = &doctor->host;
    const char *path = doctor->context->home.path;
    cleanup_free char *home = pyro_text_to_utf8(path, strlen(path), NULL);
    return json_pack(
        "{s:b, s:s, s:s, s:s, s:f, s:s, s:s?, s:s, s:O, s:O}", "ok", doctor->ok, "pyro_version",
        PYRO_VERSION, "accelerator", pyro_accelerator_name(host->accelerator), "accelerator_reason",
        host->accelerator_reason, "accelerator_probe_ms", host->accelerator_probe_ms, "isolation",
        pyro_host_isolation(host), "qemu_version", host->qemu_path ? host->qemu_version : NULL,
        "home", home, "environments", doctor->environments, "checks", doctor->checks);
}

static int examine(struct pyro_context *context, const json_t *parameters,
                   const struct pyro_observer *observer, json_t **ret_result,
                   struct pyro_error *error)
{
    (void)parameters;
    (void)observer;
    struct pyro_doctor doctor = {.context = context, .ok = true};
    /* A home that cannot be made is one of the findings; what is measured is then not kept. */
    pyro_home_create(&context->home, NULL);
    if (pyro_host_probe(&context->home, &doctor.host, error) < 0)
        return -1;
    doctor.checks = json_array();
    doctor.environments = json_array();
    if (doctor.checks && doctor.environments) {
        pyro_doctor_check_files(&doctor);
        pyro_doctor_check_host(&doctor);
        check_start(&doctor);
        *ret_result = make_result(&doctor);
    } else {
        *ret_result = NULL;
    }
    json_decref(doctor.checks);
    json_decref(doctor.environments);
    pyro_host_finish(&doctor.host);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

static const struct pyro_parameter parameters[] = {{0}};

static const struct pyro_field check_fields[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "What was looked at"},
    {.name = "status", .type = PYRO_TYPE_STRING, .help = "ok, warning or failed"},
    {.name = "detail", .type = PYRO_TYPE_STRING, .help = "What was found"},
    {.name = "fix", .type = PYRO_TYPE_STRING, .nullable = true, .help = "Command that mends it"},
    {0},
};

static const struct pyro_field environment_fields[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "Name of the environment"},
    {.name = "installed", .type = PYRO_TYPE_BOOLEAN, .help = "Whether it is here and whole"},
    {.name = "problem", .type = PYRO_TYPE_STRING, .nullable = true, .help = "What is damaged"},
    {0},
};

static const struct pyro_field fields[] = {
    {.name = "ok", .type = PYRO_TYPE_BOOLEAN, .help = "Whether pyro run can work here"},
    {.name = "pyro_version", .type = PYRO_TYPE_STRING, .help = "Version of pyro"},
    {.name = "accelerator", .type = PYRO_TYPE_STRING, .help = "kvm, tcg or none"},
    {.name = "accelerator_reason", .type = PYRO_TYPE_STRING, .help = "Why, as measured"},
    {.name = "accelerator_probe_ms", .type = PYRO_TYPE_NUMBER, .help = "What measuring took"},
    {.name = "isolation",
     .type = PYRO_TYPE_STRING,
     .help = "What would stand between guest and host"},
    {.name = "qemu_version",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "Version of QEMU, null when there is none"},
    {.name = "home", .type = PYRO_TYPE_STRING, .help = "Directory of pyro's files"},
    {.name = "environments",
     .type = PYRO_TYPE_OBJECTS,
     .members = environment_fields,
     .help = "The catalog, and what is installed"},
    {.name = "checks",
     .type = PYRO_TYPE_OBJECTS,
     .members = check_fields,
     .help = "Everything that was looked at"},
    {0},
};

const struct pyro_operation pyro_doctor_operation = {
    .name = "doctor",
    .cli = "doctor",
    .title = "Check this host",
    .summary = "Say what works on this host, and how to mend what does not",
    .description = "Looks at everything a guest needs: accelerator, jail, QEMU, the programs that "
                   "build environments, disk and home. Each finding comes with the command that "
                   "mends it. Installs nothing.",
    .examples = "pyro doctor\npyro doctor --json",
    .exit_statuses = "0      pyro run can work here\n"
                     "1      it cannot; the failed checks say why",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = parameters,
    .result = fields,
    .handler = examine,
};
