#include "vm/emulator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/process.h"

enum {
    OLDEST_MAJOR = 5, /* microvm came with 4.2, and boots with ACPI since 5.2 */
    FAST_MAJOR = 8,
    VERSION_TIMEOUT_MS = 5000,
    VERSION_OUTPUT_CAP = 4096,
};

int pyro_emulator_find(char **ret_path, char *reason, size_t reason_size)
{
    static const char usual[] = "qemu-system-x86_64";
    const char *set = getenv("PYRO_QEMU");
    bool chosen = set && *set;
    cleanup_free char *found = pyro_program_find(chosen ? set : usual);
    /* Absolute, because QEMU is started in another directory. */
    *ret_path = found ? realpath(found, NULL) : NULL;
    if (*ret_path)
        return 0;
    if (found && errno == ENOMEM)
        return -ENOMEM;
    if (chosen)
        snprintf(reason, reason_size, "PYRO_QEMU is set to %s, which is not a program here", set);
    else
        snprintf(reason, reason_size, "%s is not installed (package qemu-system-x86)", usual);
    return 0;
}

void pyro_emulator_parse_version(const char *output, char *version, size_t version_size)
{
    static const char before[] = "QEMU emulator version ";
    const char *at = strstr(output, before);
    at = at ? at + strlen(before) : "";
    snprintf(version, version_size, "%.*s", (int)MIN(strspn(at, "0123456789."), (size_t)32), at);
}

void pyro_emulator_ask_version(const char *path, char *version, size_t version_size)
{
    char *const argv[] = {(char *)path, "--version", NULL};
    cleanup_free char *output = NULL;
    version[0] = '\0';
    if (pyro_program_run(argv, VERSION_TIMEOUT_MS, VERSION_OUTPUT_CAP, &output) == 0)
        pyro_emulator_parse_version(output, version, version_size);
}

bool pyro_emulator_wants_fixed_layout(const char *version)
{
    return atoi(version) < FAST_MAJOR;
}

bool pyro_emulator_opens_read_only(const char *version)
{
    int major = 0, minor = 0;
    sscanf(version, "%d.%d", &major, &minor);
    return major > 8 || (major == 8 && minor >= 2);
}

bool pyro_emulator_judge(const char *path, const char *version, char *reason, size_t reason_size)
{
    int major = atoi(version);
    if (major <= 0) {
        snprintf(reason, reason_size, "%s does not run (`%s --version` fails)", path, path);
        return false;
    }
    if (major < OLDEST_MAJOR) {
        snprintf(reason, reason_size, "QEMU %s is too old, %d.0 or newer is needed", version,
                 OLDEST_MAJOR);
        return false;
    }
    if (major < FAST_MAJOR)
        snprintf(reason, reason_size,
                 "good; without KVM a newer QEMU starts programs in the guest about twice as fast");
    else
        snprintf(reason, reason_size, "good");
    return true;
}
