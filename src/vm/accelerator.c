/* The KVM probe's outer half: a child process that may be killed, and the verdict in words. What
 * the child does is in kvm_guest.c. */
#include "vm/accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/process.h"
#include "vm/kvm_guest.h"

enum {
    PROBE_TIMEOUT_MS = 40, /* of the 50 promised; the rest is for fork, kill and reaping */
    GUEST_LIMIT_US = 1000, /* where the CPU runs guests it takes tens of microseconds */
};

static void say_unopened(int errnum, struct pyro_kvm_verdict *verdict)
{
    if (errnum == ENOENT || errnum == ENODEV || errnum == ENXIO)
        snprintf(verdict->reason, sizeof(verdict->reason),
                 "there is no KVM on this host (/dev/kvm: %s)", strerror(errnum));
    else if (errnum == EACCES || errnum == EPERM)
        snprintf(verdict->reason, sizeof(verdict->reason),
                 "no permission to open /dev/kvm: become a member of the group kvm");
    else
        snprintf(verdict->reason, sizeof(verdict->reason), "cannot open /dev/kvm: %s",
                 strerror(errnum));
}

static const char *step_name(enum pyro_kvm_step step)
{
    static const char *const names[] = {
        [PYRO_KVM_VERSION] = "asking for its version",
        [PYRO_KVM_CREATE] = "creating a VM",
        [PYRO_KVM_MEMORY] = "giving the VM memory",
        [PYRO_KVM_REGISTERS] = "setting the registers",
        [PYRO_KVM_RUN_GUEST] = "running it",
        [PYRO_KVM_EXIT] = "running it to its end",
    };
    return (size_t)step < ARRAY_SIZE(names) && names[step] ? names[step] : "an unknown step";
}

static void judge(const struct pyro_kvm_outcome *outcome, struct pyro_kvm_verdict *verdict)
{
    verdict->lasting = true;
    if (outcome->failed != PYRO_KVM_NOTHING) {
        snprintf(verdict->reason, sizeof(verdict->reason),
                 "KVM opens but cannot run a guest: %s failed (%s)", step_name(outcome->failed),
                 outcome->failed == PYRO_KVM_EXIT ? "unexpected exit" : strerror(outcome->errnum));
    } else if (outcome->best_us > GUEST_LIMIT_US) {
        snprintf(verdict->reason, sizeof(verdict->reason),
                 "KVM opens but cannot run a guest: %d instructions took %.1f ms instead of "
                 "microseconds, so the host emulates them",
                 PYRO_KVM_INSTRUCTIONS, outcome->best_us / 1e3);
    } else {
        verdict->usable = true;
        snprintf(verdict->reason, sizeof(verdict->reason),
                 "KVM runs guests: %d instructions took %u µs", PYRO_KVM_INSTRUCTIONS,
                 outcome->best_us);
    }
}

/* Whether the child's outcome arrived before the deadline. */
static bool await(int fd, struct pyro_kvm_outcome *outcome)
{
    uint64_t deadline = pyro_now_ms() + PROBE_TIMEOUT_MS;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        uint64_t now = pyro_now_ms();
        ready = poll(&wait, 1, now < deadline ? (int)(deadline - now) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 && read(fd, outcome, sizeof(*outcome)) == (ssize_t)sizeof(*outcome);
}

static void run_probe(int kvm, struct pyro_kvm_verdict *verdict)
{
    int ends[2];
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        child = fork();
        if (child == 0)
            pyro_kvm_guest_run(kvm, ends[1]);
        close(ends[1]);
    }
    if (child < 0) {
        snprintf(verdict->reason, sizeof(verdict->reason), "KVM could not be probed: %s",
                 strerror(errno));
        return;
    }
    struct pyro_kvm_outcome outcome;
    if (await(ends[0], &outcome)) {
        judge(&outcome, verdict);
    } else {
        verdict->lasting = true;
        snprintf(
            verdict->reason, sizeof(verdict->reason),
            "KVM opens but cannot run a guest: a guest of %d instructions did not end in %d ms",
            PYRO_KVM_INSTRUCTIONS, PROBE_TIMEOUT_MS);
    }
    close(ends[0]);
    kill(child, SIGKILL);
    pyro_process_wait(child);
}

bool pyro_kvm_opens(struct pyro_kvm_verdict *ret_verdict)
{
    *ret_verdict = (struct pyro_kvm_verdict){0};
    cleanup_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        say_unopened(errno, ret_verdict);
    return kvm >= 0;
}

void pyro_kvm_probe(struct pyro_kvm_verdict *ret_verdict)
{
    uint64_t start = pyro_now_us();
    *ret_verdict = (struct pyro_kvm_verdict){0};
    cleanup_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        say_unopened(errno, ret_verdict);
    else
        run_probe(kvm, ret_verdict);
    ret_verdict->probe_ms = (double)(pyro_now_us() - start) / 1e3;
}
