#include "vm/kvm_guest.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    RUNS = 2,
    GUEST_ADDRESS = 0x1000,
    GUEST_SIZE = 0x1000,
    API_VERSION = 12,
};

/* Real mode: mov cx,5000; again: dec cx; jnz again; hlt */
static const uint8_t program[] = {0xb9, 0x88, 0x13, 0x49, 0x75, 0xfd, 0xf4};

struct vm {
    int kvm, vm, vcpu;
    struct kvm_run *run;
};

static enum pyro_kvm_step create_vm(struct vm *vm)
{
    if (ioctl(vm->kvm, KVM_GET_API_VERSION, 0) != API_VERSION)
        return PYRO_KVM_VERSION;
    vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
    if (vm->vm < 0)
        return PYRO_KVM_CREATE;
    void *memory =
        mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return PYRO_KVM_MEMORY;
    memcpy(memory, program, sizeof(program));
    struct kvm_userspace_memory_region region = {.guest_phys_addr = GUEST_ADDRESS,
                                                 .memory_size = GUEST_SIZE,
                                                 .userspace_addr = (uintptr_t)memory};
    if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return PYRO_KVM_MEMORY;
    vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
    int size = vm->vcpu < 0 ? -1 : ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < 0)
        return PYRO_KVM_CREATE;
    vm->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
    return vm->run == MAP_FAILED ? PYRO_KVM_CREATE : PYRO_KVM_NOTHING;
}

static enum pyro_kvm_step set_registers(const struct vm *vm)
{
    struct kvm_sregs special;
    if (ioctl(vm->vcpu, KVM_GET_SREGS, &special) < 0)
        return PYRO_KVM_REGISTERS;
    special.cs.base = 0;
    special.cs.selector = 0;
    struct kvm_regs registers = {.rip = GUEST_ADDRESS, .rflags = 2};
    if (ioctl(vm->vcpu, KVM_SET_SREGS, &special) < 0 ||
        ioctl(vm->vcpu, KVM_SET_REGS, &registers) < 0)
        return PYRO_KVM_REGISTERS;
    return PYRO_KVM_NOTHING;
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* The best of two, because another process may take the CPU in one of them. */
static enum pyro_kvm_step time_runs(const struct vm *vm, uint32_t *ret_best_us)
{
    uint64_t best = UINT32_MAX;
    for (int i = 0; i < RUNS; i++) {
        enum pyro_kvm_step failed = set_registers(vm);
        if (failed)
            return failed;
        uint64_t start = now_us();
        if (ioctl(vm->vcpu, KVM_RUN, 0) < 0)
            return PYRO_KVM_RUN_GUEST;
        uint64_t took = now_us() - start;
        best = took < best ? took : best;
        if (vm->run->exit_reason != KVM_EXIT_HLT)
            return PYRO_KVM_EXIT;
    }
    *ret_best_us = (uint32_t)best;
    return PYRO_KVM_NOTHING;
}

void pyro_kvm_guest_run(int kvm, int report)
{
    /* Should the parent die here, a KVM_RUN that never returns must not outlive it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct vm vm = {.kvm = kvm};
    struct pyro_kvm_outcome outcome = {0};
    errno = 0;
    outcome.failed = create_vm(&vm);
    if (!outcome.failed)
        outcome.failed = time_runs(&vm, &outcome.best_us);
    outcome.errnum = errno;
    ssize_t ignored = write(report, &outcome, sizeof(outcome));
    (void)ignored;
    _exit(0);
}
