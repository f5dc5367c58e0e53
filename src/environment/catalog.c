/* What a guest can be. Raise an entry's version whenever its contents change: installations of
 * another version are built again by the next pull. */
#include <string.h>

#include "base/text.h"
#include "environment/environment.h"

/* What every guest has beyond dpkg's own minimum. kmod loads what a command asks the kernel for. */
#define SHELL_AND_CORE                                                                             \
    "ca-certificates", "iproute2", "iputils-ping", "kmod", "less", "netbase", "procps"

#define AGENT_TOOLS "curl", "file", "git", "jq", "patch", "python3", "unzip", "xz-utils"

static const char *const base_packages[] = {SHELL_AND_CORE, NULL};

static const char *const default_packages[] = {SHELL_AND_CORE, AGENT_TOOLS, NULL};

static const char *const build_packages[] = {
    SHELL_AND_CORE, AGENT_TOOLS, "build-essential", "debhelper",
    "dpkg-dev",     "fakeroot",  "pkg-config",      NULL,
};

/* What all entries of a distribution share. */
#define DEBIAN_12                                                                                  \
    .version = "2", .platform = "linux/amd64", .distribution = "debian",                           \
    .distribution_version = "12", .suite = "bookworm", .kernel_package = "linux-image-cloud-amd64"

static const struct pyro_environment debian_12 = {
    DEBIAN_12,
    .name = "debian:12",
    .slug = "debian-12",
    .description = "Debian 12 with git and the usual small tools for agents",
    .packages = default_packages,
};

static const struct pyro_environment debian_12_base = {
    DEBIAN_12,
    .name = "debian:12-base",
    .slug = "debian-12-base",
    .description = "Debian 12 with a shell and the core tools only",
    .packages = base_packages,
};

static const struct pyro_environment debian_12_build = {
    DEBIAN_12,
    .name = "debian:12-build",
    .slug = "debian-12-build",
    .description =
        "Debian 12 with git, a C and C++ tool chain, make, python3 and what builds packages",
    .packages = build_packages,
    .source_packages = true,
};

const struct pyro_environment *const pyro_catalog[] = {
    &debian_12,
    &debian_12_base,
    &debian_12_build,
    NULL,
};

static int unknown(const char *name, struct pyro_error *error)
{
    const char *names[ARRAY_SIZE(pyro_catalog)] = {NULL};
    for (size_t i = 0; pyro_catalog[i]; i++)
        names[i] = pyro_catalog[i]->name;
    cleanup_free char *nearest = pyro_text_nearest(name, names);
    pyro_error_set(error, PYRO_ERROR_UNKNOWN_ENVIRONMENT, "there is no environment \"%.64s\"",
                   name);
    pyro_error_field(error, "environment");
    if (nearest && *nearest)
        return pyro_error_hint(error, "did you mean %s? `pyro env list` shows all", nearest);
    return pyro_error_hint(error, "`pyro env list` shows what there is");
}

const struct pyro_environment *pyro_environment_find(const char *name, struct pyro_error *error)
{
    for (size_t i = 0; pyro_catalog[i]; i++) {
        if (strcmp(pyro_catalog[i]->name, name) == 0)
            return pyro_catalog[i];
    }
    unknown(name, error);
    return NULL;
}
