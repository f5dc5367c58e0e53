/* The KVM probe's inner half: a guest of a few instructions, and how it went. */
#ifndef PYRO_VM_KVM_GUEST_H
#define PYRO_VM_KVM_GUEST_H

#include <stdint.h>

enum { PYRO_KVM_INSTRUCTIONS = 10000 }; /* 5,000 times: decrement, jump back */

/* What failed. */
enum pyro_kvm_step {
    PYRO_KVM_NOTHING = 0,
    PYRO_KVM_VERSION,
    PYRO_KVM_CREATE,
    PYRO_KVM_MEMORY,
    PYRO_KVM_REGISTERS,
    PYRO_KVM_RUN_GUEST,
    PYRO_KVM_EXIT,
};

struct pyro_kvm_outcome {
    enum pyro_kvm_step failed;
    int errnum;
    uint32_t best_us; /* the shortest run */
};

/* Runs the guest and writes one outcome to `report`. For a forked child of a process that may have
 * threads: only system calls. */
__attribute__((noreturn)) void pyro_kvm_guest_run(int kvm, int report);

#endif
