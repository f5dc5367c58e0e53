/* What this host can do for a VM: accelerator, TSC, jail, QEMU, network. Verdicts that cost time
 * are measured once per boot of the host and kept in HOME/cache. */
#ifndef PYRO_VM_HOST_H
#define PYRO_VM_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/home.h"

enum pyro_accelerator {
    PYRO_ACCELERATOR_NONE = 0,
    PYRO_ACCELERATOR_TCG,
    PYRO_ACCELERATOR_KVM,
};

const char *pyro_accelerator_name(enum pyro_accelerator accelerator); /* "none", "tcg", "kvm" */

/* Everything the QEMU command line and `doctor` need to know of the host. */
struct pyro_host {
    enum pyro_accelerator accelerator;
    char accelerator_reason[256]; /* for people: "KVM opens but cannot run a guest: …" */
    double accelerator_probe_ms;  /* what the probe took when it was run */
    uint32_t tsc_khz;             /* 0: unknown or not constant */
    char tsc_reason[128];         /* how it was found, or why not */
    bool jail;                    /* bubblewrap can make namespaces here */
    char jail_reason[256];
    char *qemu_path; /* NULL when there is none */
    char qemu_version[64];
    char qemu_reason[256];
    char *bwrap_path, *passt_path; /* NULL when there is none */
    char cpu[128];                 /* model and features, as text to compare */
    uint64_t memory_bytes;         /* of the host */
    unsigned cpu_count;
};

/* Finds out, from the cache where that is good. Never fails for what the host lacks: the reasons
 * say it. Only PYRO_ERROR_OUT_OF_MEMORY. $PYRO_QEMU names another QEMU. */
int pyro_host_probe(const struct pyro_home *home, struct pyro_host *ret_host,
                    struct pyro_error *error);
void pyro_host_finish(struct pyro_host *host);

/* PYRO_ERROR_NO_VM (with reason and next step) when no VM can be started on this host. */
int pyro_host_check(const struct pyro_host *host, bool wants_network, struct pyro_error *error);

/* "kvm+jail", "tcg+jail", "tcg", … */
const char *pyro_host_isolation(const struct pyro_host *host);

#endif
