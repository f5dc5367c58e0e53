/* A VM's bundle: the directory HOME/vms/VM_ID with everything one VM needs, and the lock that tells
 * whether it lives. Shared by the supervisor and those who start and clean up after it.
 *
 *   lock            flock()ed by the supervisor for its whole life (handed over by who started it)
 *   config.json     struct pyro_bundle_config
 *   overlay.qcow2   the guest's disk, over the environment's rootfs; made by the first start
 *   initrd          the agent and its modules; made when the guest boots
 *   socket          where the supervisor serves clients
 *   ram             of a workspace: the guest's memory, while it runs
 *   commands/       of a workspace: N.stdout and N.stderr of its commands
 *   services/, shells/  of a workspace: its services and shells (session_record.h)
 *   baseline.*      of a workspace: how it was when it was created (src/workspace/baseline.h)
 *   diff.json       of a workspace: its last diff
 *   supervisor.log  what the supervisor says; console.log and qemu.log after a failure
 */
#ifndef PYRO_SUPERVISOR_BUNDLE_H
#define PYRO_SUPERVISOR_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/home.h"
#include "environment/environment.h"
#include "store/store.h"
#include "vm/host.h"
#include "vm/machine.h"

struct pyro_bundle_config {
    char vm_id[PYRO_VM_ID_SIZE];
    bool one_shot;     /* ends with its first client and leaves nothing behind */
    bool is_workspace; /* stays: its commands are written down, its time counts from its last
                          use, and it is powered off rather than killed */
    double expires_at; /* epoch seconds */
    int64_t ttl_seconds;
    char *about; /* for clients: what the VM is, a JSON object as text; NULL: nothing */
    unsigned boot_timeout_ms; /* wall time for one try */
    char *rootfs_digest;      /* of the environment that the overlay belongs to */
    char *empty_overlay;      /* what a booting guest's first overlay is a copy of */
    char *modules, *agent;    /* what the initrd is made of */
    char *freeze_into;        /* directory to freeze the guest into, its memory and disk are there;
                                 NULL: one that cannot be frozen */
    struct pyro_machine_config machine;
};

/* Fills in all but `one_shot` and `expires_at` for a guest of that shape whose bundle is
 * HOME/vms/VM_ID, with a MAC of its own. */
int pyro_bundle_config_init(struct pyro_bundle_config *config, const struct pyro_home *home,
                            const struct pyro_host *host,
                            const struct pyro_installation *installation,
                            const struct pyro_shape *shape, const char *vm_id,
                            struct pyro_error *error);
void pyro_bundle_config_finish(struct pyro_bundle_config *config);

/* A new id: "vm-" and 128 random bits in hex. 0 or a negative errno. */
int pyro_vm_id_make(char ret_vm_id[PYRO_VM_ID_SIZE]);
/* True for text of that form; anything else must never become a path. */
bool pyro_vm_id_is_valid(const char *vm_id);

/* A workspace and its VM share the digits of their ids: "ws-…" is "vm-…". */
void pyro_workspace_id_of(const char *vm_id, char ret_workspace_id[PYRO_VM_ID_SIZE]);
/* False when it is no workspace's id. */
bool pyro_workspace_vm_id(const char *workspace_id, char ret_vm_id[PYRO_VM_ID_SIZE]);

/* Makes the directory and takes the lock, in one step as others see it. `ret_lock` is the locked
 * descriptor: the VM counts as alive while anybody holds it. */
int pyro_bundle_create(const struct pyro_home *home, const char *vm_id, int *ret_directory,
                       int *ret_lock, struct pyro_error *error);
/* Opens the directory. PYRO_ERROR_UNKNOWN_VM. */
int pyro_bundle_open(const struct pyro_home *home, const char *vm_id, int *ret_directory,
                     struct pyro_error *error);
/* Takes the lock of a VM that does not live. Returns the descriptor, -EWOULDBLOCK when it lives, or
 * another negative errno. */
int pyro_bundle_lock(int directory);
/* True when somebody holds the lock. */
bool pyro_bundle_is_live(const struct pyro_home *home, const char *vm_id);
/* Removes the directory; one that is gone is fine. 0 or a negative errno. */
int pyro_bundle_remove(const struct pyro_home *home, const char *vm_id);
/* The same of one that no row speaks of any more. A large disk takes seconds to remove: a caller
 * that is cancelled (base/lock.h) leaves the rest to a process of its own. */
int pyro_bundle_remove_patiently(const struct pyro_home *home, const char *vm_id);

/* Where a VM's logs go when $PYRO_LOG_DIR is set, for tests and for hunting a fault: a directory of
 * its own in there, made here, that outlives the VM. Returns a descriptor, or a negative errno
 * (-ENOENT when the variable is not set). */
int pyro_bundle_log_directory(const char *vm_id);

int pyro_bundle_config_write(int directory, const struct pyro_bundle_config *config,
                             struct pyro_error *error);
/* The file could have been edited: types and ranges are checked. */
int pyro_bundle_config_read(int directory, struct pyro_bundle_config *ret_config,
                            struct pyro_error *error);

/* Brings store and bundles in line with what really lives: one-shot VMs whose supervisor is gone
 * are removed, others become `stopped`, directories without a row go. Cheap when there is nothing
 * to do. */
int pyro_bundle_reconcile(const struct pyro_home *home, struct pyro_store *store,
                          struct pyro_error *error);

#endif
