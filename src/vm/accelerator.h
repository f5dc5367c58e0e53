/* Does KVM really run guests here? A device that opens proves nothing: there are hosts, nested ones
 * above all, where it opens and every guest instruction is emulated. */
#ifndef PYRO_VM_ACCELERATOR_H
#define PYRO_VM_ACCELERATOR_H

#include <stdbool.h>
#include <stddef.h>

struct pyro_kvm_verdict {
    bool usable;
    bool lasting; /* holds until the host boots again; what opening the device says does not */
    double probe_ms;
    char reason[256]; /* for people */
};

/* Whether the device opens at all: cheap, and may change with a group or a module. If not, the
 * verdict says why. */
bool pyro_kvm_opens(struct pyro_kvm_verdict *ret_verdict);

/* Runs a small guest of ours in a child process, against a deadline: at most 50 ms. */
void pyro_kvm_probe(struct pyro_kvm_verdict *ret_verdict);

#endif
