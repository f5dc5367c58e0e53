/* Environments: the catalog of what a guest can be, and their installation on this host.
 *
 * An installation is HOME/environments/SLUG/ with
 *   manifest.json   what was built, when, from what; size and SHA-256 of the next four
 *   rootfs.ext4     the root file system; as large as its content needs, a guest grows it
 *   overlay.qcow2   an empty qcow2 overlay of 16 GiB over it; each VM starts with a copy
 *   vmlinux         the kernel, unpacked; vmlinuz when it cannot be
 *   modules.cpio    the few modules that the agent loads, as an uncompressed newc archive
 *   verified.json   in which state each file had its digest computed last
 *   build.log       what mmdebstrap said
 * and counts only when all four match the manifest. Beside it lie two lock files: SLUG.lock is held
 * by whoever pulls or prunes, SLUG.use is shared by the VMs that run on it.
 */
#ifndef PYRO_ENVIRONMENT_ENVIRONMENT_H
#define PYRO_ENVIRONMENT_ENVIRONMENT_H

#include <jansson.h>
#include <pyro/pyro.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/home.h"

#define PYRO_CATALOG_VERSION "2026.11"

enum {
    PYRO_DISK_SIZE_GIB = 16, /* virtual size of a guest's disk */
};

/* One entry of the shipped catalog. */
struct pyro_environment {
    const char *name;    /* "debian:12" */
    const char *slug;    /* "debian-12", its directory */
    const char *version; /* of the recipe: raised when the contents change */
    const char *description;
    const char *platform;     /* "linux/amd64" */
    const char *distribution; /* "debian" */
    const char *distribution_version;
    const char *suite;           /* what mmdebstrap is asked for */
    const char *kernel_package;  /* "linux-image-cloud-amd64" */
    const char *const *packages; /* beyond the minimal base; NULL-terminated */
    bool source_packages;        /* apt is told where they are, which costs each update time */
    /* What it is used for, as shell commands, NULL-terminated: a template has run them once, so
     * that its clones have in memory what they read and run (bench/warm_up.py). */
    const char *const *warm_up;
};

/* The catalog, NULL-terminated. */
extern const struct pyro_environment *const pyro_catalog[];

/* Looks a name up. PYRO_ERROR_UNKNOWN_ENVIRONMENT names the nearest ones. */
const struct pyro_environment *pyro_environment_find(const char *name, struct pyro_error *error);

/* What a VM needs of an installation: absolute paths, and what the manifest says. */
struct pyro_installation {
    char *directory;
    char *rootfs, *overlay, *kernel, *modules;
    char *kernel_version;
    char *rootfs_digest; /* "sha256:…" */
    json_t *manifest;
};

void pyro_installation_finish(struct pyro_installation *installation);

/* Opens an installation if it is there and whole. Digests are computed again only when a file's
 * size, times or inode differ from what was seen when they were last computed.
 * PYRO_ERROR_NOT_INSTALLED, PYRO_ERROR_ENVIRONMENT_DAMAGED (says which file). */
int pyro_installation_open(const struct pyro_home *home, const struct pyro_environment *environment,
                           struct pyro_installation *ret_installation, struct pyro_error *error);

/* Appends bytes that differ whenever any file of an installation does: what a listing of all
 * environments depends on. 0 or a negative errno. */
int pyro_environments_mark(const struct pyro_home *home, struct pyro_buffer *mark);

/* Builds and installs, or repairs. Does nothing when the installation is whole. When another
 * process pulls the same environment, waits for it. Reports phases through `observer` and stops
 * when its cancel_fd says so. PYRO_ERROR_PULL_FAILED, _DISK_FULL, _MISSING_PROGRAM, _CANCELLED. */
int pyro_environment_pull(const struct pyro_home *home, const struct pyro_environment *environment,
                          const struct pyro_observer *observer, struct pyro_error *error);

/* The catalog entry as JSON with `installed`, and with the keys of an installation when it is whole
 * (and `detailed`). When the installation is damaged, `installed` is false and `problem` says why.
 */
json_t *pyro_environment_to_json(const struct pyro_home *home,
                                 const struct pyro_environment *environment, bool detailed);

/* Removes what nothing can use: directories that are not in the catalog or of another recipe
 * version, half-finished pulls whose process is gone. Never what a live VM uses (it holds a shared
 * lock, see below). Result as in the contract: deleted[], count, freed_bytes. */
int pyro_environment_prune(const struct pyro_home *home, json_t **ret_result,
                           struct pyro_error *error);

/* A shared lock on the installation, to be held (as an open descriptor, also across exec) as long
 * as a VM uses it. Returns the descriptor, or -1 and an error. */
int pyro_installation_lock(const struct pyro_home *home, const struct pyro_environment *environment,
                           struct pyro_error *error);

/* Checks that building could work here: mmdebstrap, user namespaces or root, subordinate ids,
 * keyring. PYRO_ERROR_MISSING_PROGRAM or PYRO_ERROR_PULL_FAILED with the command that mends it as
 * hint. */
int pyro_environment_builder_check(struct pyro_error *error);

/* Writes an initrd: an installation's modules and the agent as one cpio, which the kernel unpacks
 * and whose /init it runs. The three are paths. */
int pyro_initrd_write(const char *modules, const char *agent, const char *initrd,
                      struct pyro_error *error);

#endif
