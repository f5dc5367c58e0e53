/* Starting one QEMU: its command line, its jail, its channels. No policy: who starts and ends it,
 * and when, is the supervisor's business. */
#ifndef PYRO_VM_MACHINE_H
#define PYRO_VM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* What a guest is asked to be. */
struct pyro_shape {
    unsigned vcpu_count;
    unsigned mem_mib;
    bool network;
};

/* Everything that decides a QEMU's command line. Read from the bundle's config.json; paths are
 * absolute on the host, inside the jail they get fixed names. */
struct pyro_machine_config {
    char *qemu_path;
    char *bwrap_path; /* NULL: no jail to be had, start QEMU bare with what is left */
    char *passt_path; /* needed with `network` */
    bool kvm;
    uint32_t tsc_khz;  /* emulation only; 0: do not tell the kernel */
    bool fixed_layout; /* the guest's programs are not put at random addresses */
    unsigned vcpu_count;
    unsigned mem_mib;
    bool network;
    bool durable; /* what the guest has synced survives QEMU and the host */
    uint8_t mac[6];
    char *kernel, *initrd, *rootfs, *overlay;
    char *ram;               /* file that is the guest's memory; NULL: memory of QEMU's own */
    bool ram_private;        /* the file is a template's: the guest's writes stay with this QEMU */
    char *read_only_preload; /* libpyro-readonly.so, for a QEMU that opens `ram` for writing even
                                when it is private (before 8.2); NULL: not needed */
};

void pyro_machine_config_finish(struct pyro_machine_config *config);

/* A running QEMU. Descriptors are non-blocking and owned by this struct; the supervisor steals the
 * ones it watches. */
struct pyro_machine {
    pid_t pid;      /* the direct child: bwrap, or QEMU without a jail */
    pid_t qemu_pid; /* QEMU itself as seen from here; 0 until pyro_machine_cpu_ms() found it */
    int process_fd; /* pidfd of `pid`: readable when it ended */
    int agent_fd;   /* stream socket to the guest agent's virtio-serial port */
    int qmp_fd;     /* stream socket to the monitor */
    int console_fd; /* what the guest's serial console prints; read it or the guest stalls */
    int log_fd;     /* what QEMU (and bwrap) print; read it */
    int network_fd; /* with `network`: the NIC's end, length-prefixed Ethernet frames; else -1 */
};

/* Of one that never ran: pyro_machine_finish() does nothing. */
#define PYRO_MACHINE_INIT                                                                          \
    {                                                                                              \
        .process_fd = -1, .agent_fd = -1, .qmp_fd = -1, .console_fd = -1, .log_fd = -1,            \
        .network_fd = -1                                                                           \
    }

/* Starts QEMU. It dies with the calling thread. With `state_fd` it waits to be told over QMP to
 * restore from that descriptor, which it has under the same number; -1: it boots.
 * PYRO_ERROR_BOOT_FAILED, _MISSING_PROGRAM. */
int pyro_machine_start(const struct pyro_machine_config *config, int state_fd,
                       struct pyro_machine *ret_machine, struct pyro_error *error);

/* Kills QEMU and everything in the jail without waiting for the end, which nothing can prevent any
 * more. Follow with pyro_machine_finish(). */
void pyro_machine_kill(struct pyro_machine *machine);

/* Kills QEMU and everything in the jail, waits for the end, closes what is still open. NULL-safe
 * and idempotent. */
void pyro_machine_finish(struct pyro_machine *machine);

/* CPU time QEMU has used so far in milliseconds, 0 when it cannot be told. Tells a guest that hangs
 * from a host that is merely busy. */
uint64_t pyro_machine_cpu_ms(struct pyro_machine *machine);

#endif
