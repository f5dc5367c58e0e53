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

/* What is read here lies in the page cache of every clone. Nothing may be left behind, and
 * nothing may read what the kernel makes when it is read first (its boot_id). */
#define WARM_SHELL                                                                                 \
    "true", "exec /bin/sh -lc true", "exec bash -lc 'echo $((6 * 7)) | grep -q 42'",               \
        "ls -l /usr/bin >/dev/null; cat /etc/os-release /etc/passwd | sort | head | wc "           \
        ">/dev/null",                                                                              \
        "find /etc -name '*.conf' | sed s/a/b/ | tail -n 1 >/dev/null; ps >/dev/null; date "       \
        ">/dev/null"

#define WARM_TOOLS                                                                                 \
    "git --version; cd /dev/shm && git init -q w && cd w && echo a >a && git add a && "            \
    "git -c user.name=w -c user.email=w commit -q -m w && git status && git log && git diff "      \
    "HEAD; "                                                                                       \
    "rm -rf /dev/shm/w",                                                                           \
        "exec python3 -B -c 'import json, re, os, sys, subprocess, pathlib, tempfile, "            \
        "collections, "                                                                            \
        "argparse, random, uuid, unittest, urllib.request; subprocess.run([\"true\"])'",           \
        "curl --version; jq --version; file /bin/sh; patch --version; xz --version"

#define WARM_COMPILER                                                                              \
    "cd /dev/shm && printf '#include <stdio.h>\\nint main(void) { return puts(\"w\") < 0; }' "     \
    ">w.c && "                                                                                     \
    "gcc -O2 -c w.c && gcc -o w w.o && ./w; rm -f w w.c w.o",                                      \
        "cd /dev/shm && printf '#include <vector>\\nint main() { return "                          \
        "std::vector<int>().size(); }' "                                                           \
        ">w.cc && g++ -o w w.cc; rm -f w w.cc",                                                    \
        "printf 'all:\\n\\ttrue\\n' | make -f -"

static const char *const base_warm_up[] = {WARM_SHELL, NULL};

static const char *const default_warm_up[] = {WARM_SHELL, WARM_TOOLS, NULL};

static const char *const build_warm_up[] = {WARM_SHELL, WARM_TOOLS, WARM_COMPILER, NULL};

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
    .warm_up = default_warm_up,
};

static const struct pyro_environment debian_12_base = {
    DEBIAN_12,
    .name = "debian:12-base",
    .slug = "debian-12-base",
    .description = "Debian 12 with a shell and the core tools only",
    .packages = base_packages,
    .warm_up = base_warm_up,
};

static const struct pyro_environment debian_12_build = {
    DEBIAN_12,
    .name = "debian:12-build",
    .slug = "debian-12-build",
    .description =
        "Debian 12 with git, a C and C++ tool chain, make, python3 and what builds packages",
    .packages = build_packages,
    .warm_up = build_warm_up,
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
    char list[256] = "";
    for (size_t i = 0; pyro_catalog[i]; i++) {
        size_t used = strlen(list);
        names[i] = pyro_catalog[i]->name;
        snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", names[i]);
    }
    cleanup_free char *nearest = pyro_text_nearest(name, names);
    pyro_error_set(error, PYRO_ERROR_UNKNOWN_ENVIRONMENT, "there is no environment \"%.64s\"",
                   name);
    pyro_error_field(error, "environment");
    if (nearest && *nearest)
        return pyro_error_hint(error, "did you mean %s? `pyro env list` shows all", nearest);
    return pyro_error_hint(error, "there are %s; `pyro env list` shows more", list);
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
