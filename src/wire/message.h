/* What the payloads mean: one struct per frame with content, packed and unpacked in one place. */
#ifndef PYRO_WIRE_MESSAGE_H
#define PYRO_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    PYRO_EXEC_ARGUMENTS_MAX = 4096,
    PYRO_EXEC_ENVIRONMENT_MAX = 1024,
    PYRO_ENTROPY_SIZE = 64,
    PYRO_MAC_SIZE = 6,
};

/* READY: the agent is up and idle. Times are the guest's CLOCK_BOOTTIME. */
struct pyro_ready {
    uint32_t agent_version;
    uint64_t init_us;  /* when the kernel started the agent */
    uint64_t ready_us; /* when this frame was made */
    char kernel_release[65];
};

/* SETUP: the guest's identity. No command runs before it is in force. */
struct pyro_setup {
    uint64_t realtime_ns;
    uint8_t entropy[PYRO_ENTROPY_SIZE]; /* credited to the kernel's generator, which is reseeded */
    char hostname[64];
    char machine_id[33]; /* 32 hex digits */
    bool durable;        /* the disk outlives the guest: writes reach it in their order */
    bool has_network;
    uint8_t mac[PYRO_MAC_SIZE];
    uint32_t address, gateway, dns; /* IPv4, host byte order: 10.0.2.15 is 0x0a00020f */
    uint8_t prefix_length;
};

/* SETUP_DONE: 0, or the errno of what could not be done and its name. */
struct pyro_setup_done {
    uint32_t error;
    char step[65];
};

/* CLOCK: the host's wall clock as it is now. */
enum pyro_clock_mode {
    PYRO_CLOCK_ADJUST =
        0, /* drift: slewed while it is small; a large difference is somebody's wish */
    PYRO_CLOCK_STEP = 1, /* the host slept or its clock was set: set it at once */
};

struct pyro_clock {
    uint64_t realtime_ns;
    uint8_t mode;
};

/* Of a terminal, in characters; each from 1 to PYRO_TERMINAL_SIZE_MAX. RESIZE is nothing else. */
struct pyro_terminal_size {
    uint32_t columns, rows;
};
enum { PYRO_TERMINAL_SIZE_MAX = 4096 };

/* EXEC. Unpacked vectors are NULL-terminated and point into `storage`. */
enum pyro_exec_flags {
    PYRO_EXEC_STDIN = 1 << 0,    /* stdin comes in DATA frames; without it, it is /dev/null */
    PYRO_EXEC_OWN = 1 << 1,      /* `arguments` are one of the agent's own commands */
    PYRO_EXEC_TERMINAL = 1 << 2, /* stdin, stdout and stderr are a terminal of the given size; what
                                    it shows comes as stdout, end of file on stdin hangs it up */
    PYRO_EXEC_WHOLE = 1 << 3,    /* when the process ends, all that it has started is killed */
    PYRO_EXEC_FLAGS = (1 << 4) - 1,
};

/* How the agent's line on stderr begins when it cannot start a command, and when that is because of
 * EXEC's directory. */
#define PYRO_SAID "pyro: "
#define PYRO_SAID_DIRECTORY PYRO_SAID "working directory "

struct pyro_exec {
    uint32_t flags;
    uint32_t timeout_ms; /* kept by the supervisor; 0: none */
    char **arguments;
    char **environment; /* NAME=value, added to the agent's defaults */
    const char *directory;
    struct pyro_terminal_size terminal; /* with PYRO_EXEC_TERMINAL only */
    char *storage;                      /* owned; NULL in one that is to be packed */
};

enum { PYRO_STATUS_TIMED_OUT = 124 }; /* as timeout(1) has it */

/* EXITED: how a command ended, and after how long. */
enum pyro_exit_kind {
    PYRO_EXIT_CODE = 0,     /* `value` is the exit code */
    PYRO_EXIT_SIGNAL = 1,   /* `value` is the signal */
    PYRO_EXIT_UNSTARTED = 2 /* `value` is the errno of exec; 126 or 127 to the caller */
};

struct pyro_exited {
    uint8_t kind;
    uint8_t timed_out; /* set by the supervisor, zero from the guest */
    uint32_t value;
    uint64_t duration_us;
};

/* STATE: the supervisor tells a client how its VM is. Sent when it changes and when a client comes.
 */
enum pyro_vm_phase {
    PYRO_PHASE_BOOTING = 0,
    PYRO_PHASE_RUNNING = 1,
    PYRO_PHASE_STOPPED = 2,
    PYRO_PHASE_FROZEN = 3, /* its state is saved, it runs no more */
};

struct pyro_state {
    uint8_t phase;
    char boot_json[3072]; /* boot_ms and its parts, and `about`: what the VM is, as a JSON object;
                             empty while booting */
};

/* FAILURE: the VM is gone, or could not start. `code` is a pyro_error_code. */
struct pyro_failure {
    uint32_t code;
    char message[1536];
    char hint[512];
};

/* STOP: a client ends the VM; the connection's end tells that it is done. */
enum pyro_stop_kind {
    PYRO_STOP_POWER_OFF = 0, /* the guest may write back its disk */
    PYRO_STOP_AT_ONCE = 1,   /* the disk is thrown away */
};

/* Each pack function appends a whole frame to `out`: 0 or a negative errno. Each unpack function
 * reads one payload: 0, or -EPROTO when it is malformed. */
int pyro_ready_pack(struct pyro_buffer *out, const struct pyro_ready *ready);
int pyro_ready_unpack(const uint8_t *payload, size_t size, struct pyro_ready *ret_ready);
int pyro_setup_pack(struct pyro_buffer *out, const struct pyro_setup *setup);
int pyro_setup_unpack(const uint8_t *payload, size_t size, struct pyro_setup *ret_setup);
int pyro_setup_done_pack(struct pyro_buffer *out, const struct pyro_setup_done *done);
int pyro_setup_done_unpack(const uint8_t *payload, size_t size, struct pyro_setup_done *ret_done);
int pyro_clock_pack(struct pyro_buffer *out, const struct pyro_clock *clock);
int pyro_clock_unpack(const uint8_t *payload, size_t size, struct pyro_clock *ret_clock);
/* -EMSGSIZE when the command line does not fit into one frame; -E2BIG when it has too many words.
 */
int pyro_exec_pack(struct pyro_buffer *out, uint32_t stream, const struct pyro_exec *exec);
/* Allocates; follow with pyro_exec_finish(). -EPROTO or -ENOMEM. */
int pyro_exec_unpack(const uint8_t *payload, size_t size, struct pyro_exec *ret_exec);
void pyro_exec_finish(struct pyro_exec *exec);
/* For a program that is under way. -EINVAL for a size that a decoder would refuse. */
int pyro_signal_pack(struct pyro_buffer *out, uint32_t stream, uint32_t signal);
int pyro_resize_pack(struct pyro_buffer *out, uint32_t stream,
                     const struct pyro_terminal_size *size);
int pyro_resize_unpack(const uint8_t *payload, size_t size, struct pyro_terminal_size *ret_size);
int pyro_started_pack(struct pyro_buffer *out, uint32_t stream, uint32_t pid);
int pyro_credit_pack(struct pyro_buffer *out, uint32_t stream, unsigned channel, uint32_t bytes);
/* A workspace's command was written down under this number. */
int pyro_recorded_pack(struct pyro_buffer *out, uint32_t stream, uint32_t sequence);
/* The VM's time is `ttl_seconds` from now on. */
int pyro_claim_pack(struct pyro_buffer *out, uint32_t ttl_seconds);
/* The one u32 of STARTED, CREDIT, RECORDED, SIGNAL and CLAIM. */
int pyro_u32_unpack(const uint8_t *payload, size_t size, uint32_t *ret_value);
int pyro_exited_pack(struct pyro_buffer *out, uint32_t stream, const struct pyro_exited *exited);
int pyro_exited_unpack(const uint8_t *payload, size_t size, struct pyro_exited *ret_exited);
int pyro_state_pack(struct pyro_buffer *out, const struct pyro_state *state);
int pyro_state_unpack(const uint8_t *payload, size_t size, struct pyro_state *ret_state);
int pyro_failure_pack(struct pyro_buffer *out, const struct pyro_failure *failure);
int pyro_failure_unpack(const uint8_t *payload, size_t size, struct pyro_failure *ret_failure);
/* KEEP: the text is how the workspace was seeded, as JSON. -EMSGSIZE when it is too long. */
int pyro_keep_pack(struct pyro_buffer *out, const char *seed_json);
int pyro_keep_unpack(const uint8_t *payload, size_t size, char *ret_seed_json, size_t capacity);
int pyro_stop_pack(struct pyro_buffer *out, enum pyro_stop_kind kind);
int pyro_stop_unpack(const uint8_t *payload, size_t size, enum pyro_stop_kind *ret_kind);

/* The exit status a shell would show: the code, 128 + signal, 127 (not found) or 126. */
int pyro_exited_status(const struct pyro_exited *exited);

#endif
