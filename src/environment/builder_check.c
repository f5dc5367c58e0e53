/* Whether this host could build an environment, and if not, what mends it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "environment/environment.h"

enum {
    TIMEOUT_MS = 20000,
    OUTPUT_MAX = 1024,
};

static const struct {
    const char *name;
    const char *package;
    bool ordinary_user_only;
} programs[] = {
    {"mmdebstrap", "mmdebstrap", false}, {"qemu-img", "qemu-utils", false}, {"tar", "tar", false},
    {"newuidmap", "uidmap", true},       {"newgidmap", "uidmap", true},
};

static int check_programs(bool root, struct pyro_error *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        cleanup_free char *path = pyro_program_find(programs[i].name);
        if (path || (root && programs[i].ordinary_user_only))
            continue;
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                       "building an environment: %s is not installed", programs[i].name);
        return pyro_error_hint(error, "apt install %s", programs[i].package);
    }
    return 0;
}

static int check_keyring(struct pyro_error *error)
{
    if (access("/usr/share/keyrings/debian-archive-keyring.gpg", R_OK) == 0)
        return 0;
    pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                   "building an environment: the distribution's signing keys are not here");
    return pyro_error_hint(error, "apt install debian-archive-keyring");
}

/* mmdebstrap itself tries user namespaces and subordinate ids here, and says what is wrong. */
static int check_namespaces(struct pyro_error *error)
{
    char *const argv[] = {"mmdebstrap", "--unshare-helper", "true", NULL};
    cleanup_free char *output = NULL;
    int r = pyro_program_run(argv, TIMEOUT_MS, OUTPUT_MAX, &output);
    if (r == 0)
        return 0;
    pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                   "building an environment: user namespaces do not work here: %s",
                   r < 0    ? strerror(-r)
                   : output ? output
                            : "");
    if (output && (strstr(output, "/etc/subuid") || strstr(output, "subordinate")))
        return pyro_error_hint(error, "as root: usermod --add-subuids 100000-165535 "
                                      "--add-subgids 100000-165535 USER");
    return pyro_error_hint(error, "as root: sysctl -w kernel.unprivileged_userns_clone=1 "
                                  "user.max_user_namespaces=10000");
}

int pyro_environment_builder_check(struct pyro_error *error)
{
    bool root = geteuid() == 0;
    if (check_programs(root, error) < 0 || check_keyring(error) < 0)
        return -1;
    return root ? 0 : check_namespaces(error);
}
