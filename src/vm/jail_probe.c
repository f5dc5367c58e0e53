#include "vm/jail_probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "vm/jail.h"

enum { PROBE_TIMEOUT_MS = 5000, PROBE_OUTPUT_CAP = 2048 };

static bool setting_is(const char *name, const char *value)
{
    char path[128];
    cleanup_free char *text = NULL;
    snprintf(path, sizeof(path), "/proc/sys/%s", name);
    if (pyro_file_read_at(AT_FDCWD, path, 64, &text, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, value) == 0;
}

/* The setting that forbids it, as the command that would change it. */
static const char *find_cause(void)
{
    if (setting_is("kernel/unprivileged_userns_clone", "0"))
        return "user namespaces are forbidden (sysctl kernel.unprivileged_userns_clone=1 allows "
               "them)";
    if (setting_is("user/max_user_namespaces", "0"))
        return "user namespaces are forbidden (sysctl user.max_user_namespaces=10000 allows them)";
    if (setting_is("kernel/apparmor_restrict_unprivileged_userns", "1"))
        return "AppArmor restricts user namespaces (sysctl "
               "kernel.apparmor_restrict_unprivileged_userns=0 allows them)";
    return "bubblewrap cannot make namespaces here";
}

bool pyro_jail_probe(const char *bwrap_path, const char *qemu_path, char *reason,
                     size_t reason_size)
{
    const char *program = qemu_path ? qemu_path : "/usr/bin/true";
    struct pyro_jail jail = {.bwrap_path = bwrap_path, .qemu_path = program};
    struct pyro_argv argv = {0};
    cleanup_free char *output = NULL;
    pyro_jail_add(&argv, &jail);
    pyro_argv_add(&argv, program);
    pyro_argv_add(&argv, "--version");
    int status = argv.failed
                     ? -1
                     : pyro_program_run(argv.words, PROBE_TIMEOUT_MS, PROBE_OUTPUT_CAP, &output);
    pyro_argv_finish(&argv);
    if (status == 0)
        return true;
    const char *said = output ? output : "";
    snprintf(reason, reason_size, "%s; it says: %.*s", find_cause(),
             (int)MIN(strcspn(said, "\n"), (size_t)100), said);
    return false;
}
