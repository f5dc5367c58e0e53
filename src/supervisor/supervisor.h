/* The supervisor's parts and what they share: one context, handed down. Private to pyro-supervisor.
 *
 *   main.c      arguments, daemon, set-up, the end
 *   life.c      the table of states × events: what happens when
 *   boot.c      starting QEMU, the deadline, the second try, the guest's identity
 *   restore.c   starting from a template instead
 *   freeze.c    making a template: the guest's end as three files
 *   clock.c     the guest's wall clock when the host's jumps
 *   guest.c     the channel to the guest agent
 *   serve.c     the channels to clients
 *   command.c   commands in the guest: credit, time limits
 *   exec.c      those of clients
 *   session.h   services and shells, and what clients ask of them
 *   history.c   a workspace's commands as the store and the bundle keep them
 *   ring.c      the last words of console and QEMU
 */
#ifndef PYRO_SUPERVISOR_SUPERVISOR_H
#define PYRO_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/home.h"
#include "base/loop.h"
#include "supervisor/bundle.h"
#include "vm/network.h"
#include "vm/qmp.h"
#include "wire/frame.h"
#include "wire/message.h"

enum {
    BOOT_TRIES = 2,
    BOOT_CPU_LIMIT_MS = 30 * 1000,   /* a cold boot under emulation takes 2,500 */
    RESTORE_CPU_LIMIT_MS = 5 * 1000, /* a restore takes 100 */
    RESTORE_LIMIT_MS = 60 * 1000,
    BOOT_CHECK_MS = 500,
    SESSIONS_GRACE_MS = 5 * 1000,  /* for services and shells to end before that, */
    SESSIONS_LIMIT_MS = 10 * 1000, /* and for the guest to tell that they have */
    STOP_GRACE_MS = 10 * 1000,     /* for the guest to write back its disk */
    KILL_GRACE_MS = 10 * 1000,     /* for the agent to report a killed command's end */
    KILL_LIMIT_MS = 30 * 1000,     /* the same, while it has other things to say */
    CLIENTS_MAX = 64,
    WATCHERS_MAX = CLIENTS_MAX - 8, /* clients that only look on: others are to have a place */
    COMMANDS_MAX = 1024,
    OUTGOING_MAX =
        16 * 1024 * 1024, /* the windows of many commands; who is behind more is cut off */
    ATTACHED_MAX = 4 * 1024 * 1024 + 1, /* a line break comes after what is typed */
    FLUSH_MS = 1500,                    /* after the end, for clients that still read */
    EXPIRY_CHECK_MS = 60 * 1000,
    RING_SIZE = 32 * 1024,
};

/* The VM's life, and what can happen in it. life.c decides each combination. */
enum state {
    STATE_BOOTING,
    STATE_SETTING_UP,
    STATE_RUNNING,
    STATE_FREEZING,
    STATE_CLOSING, /* services and shells are ended; then */
    STATE_STOPPING,
    STATE_ENDED,
    STATE_COUNT
};

enum event {
    EVENT_READY,          /* the agent says hello: the guest has booted */
    EVENT_RESTORED,       /* the guest goes on where its template stopped */
    EVENT_RESTORE_FAILED, /* QEMU refuses the template */
    EVENT_SETUP_DONE,     /* the guest has its identity */
    EVENT_SETUP_FAILED,   /* the guest could not take its identity */
    EVENT_BOOT_DEADLINE,  /* no answer in time */
    EVENT_START_FAILED,   /* QEMU or what it needs could not even be started */
    EVENT_FREEZE,         /* a client wants the guest frozen */
    EVENT_SEALED,         /* the agent is ready for that */
    EVENT_FROZEN,         /* all of the guest is saved */
    EVENT_FREEZE_FAILED,
    EVENT_QEMU_ENDED,
    EVENT_GUEST_LOST,    /* its channel ended, or it spoke nonsense */
    EVENT_DISK_FAILED,   /* QEMU cannot write the guest's disk */
    EVENT_NETWORK_ENDED, /* passt is gone */
    EVENT_OWNER_GONE,    /* one-shot: the client went away */
    EVENT_EXPIRED,       /* ttl_seconds are over */
    EVENT_KEEP_FAILED,   /* a workspace could not be written down as complete */
    EVENT_TERMINATED,    /* somebody sent SIGTERM: the host goes down */
    EVENT_STOP,          /* a client wants a clean power-off */
    EVENT_STOP_AT_ONCE,  /* a client throws the VM away */
    EVENT_SESSIONS_OVER, /* the last service or shell has ended */
    EVENT_STOP_DEADLINE, /* the guest did not do that, or power off, in time */
    EVENT_COUNT
};

/* The last RING_SIZE bytes of an endless stream. */
struct ring {
    struct pyro_source source;
    size_t end;       /* bytes ever added, modulo nothing: the write position is end % RING_SIZE */
    unsigned matched; /* letters of the panic message that came last */
    bool panicked;    /* that message was in the stream */
    char bytes[RING_SIZE];
};

struct client {
    struct pyro_source source;
    struct supervisor *supervisor;
    struct pyro_buffer in, out;
    struct exec *execs;          /* exec.c: what it runs */
    struct pyro_buffer attached; /* to the request that comes next */
    unsigned unanswered;         /* requests */
    unsigned watching;           /* of these, for new output */
    bool has_asked;              /* there was one */
    bool is_held;                /* its request waits for the guest to run,
                                    or its command for the end of it */
    bool is_told;                /* it has heard of the VM's state */
    bool is_owner;               /* one-shot: the VM ends with this client */
    struct client *next;
};

/* Of a command that is written down. */
struct history {
    int64_t sequence; /* 0: it is not */
    uint64_t begun_us;
    int logs[2]; /* stdout, stderr; -1: not open */
    uint64_t bytes[2];
};

struct supervisor {
    struct pyro_loop loop;
    struct pyro_home home;
    int directory;     /* the bundle */
    int log_directory; /* where console.log and qemu.log go */
    struct pyro_bundle_config config;

    enum state state;
    struct pyro_timer expiry, stop_deadline;
    struct pyro_source signals;
    struct pyro_failure failure; /* code 0: none */
    char stop_reason[128];       /* why a workspace was powered off, if nobody asked for it */
    bool frozen;

    /* restore.c */
    char *template_path;  /* NULL: the guest boots */
    int state_fd;         /* the template's device state, -1: not open */
    char *boot_initrd;    /* kept while the template's is in its place */
    ino_t template_inode; /* of the directory; another one may take its name */
    bool restoring;       /* this start is from the template */
    bool template_failed; /* it was the template's fault that it could not be */
    char fallback[256];   /* why a guest that had a template was booted all the same */

    /* freeze.c, clock.c */
    struct pyro_timer freeze_deadline;
    struct pyro_source clock;
    int64_t clock_offset_ns; /* the host's wall clock to its monotonic one, when last told */
    uint64_t clock_told_us;

    /* boot.c */
    bool has_own_disk; /* there was a start before this one: its disk is kept */
    bool was_running;
    enum pyro_error_code start_failure; /* why QEMU could not be started */
    struct pyro_machine machine;
    struct pyro_source qemu_end;
    struct pyro_qmp *qmp;
    struct pyro_network *network;
    struct ring console, qemu_log;
    struct pyro_timer boot_timer;
    unsigned starts; /* of QEMU */
    unsigned tries;  /* of booting */
    uint64_t first_try_us, try_us, qemu_up_us, ready_us;
    struct pyro_ready ready;
    char boot_json[2048];

    /* guest.c */
    struct pyro_source guest;
    struct pyro_buffer guest_in, guest_out;
    uint64_t heard_us; /* when the guest last said something */

    /* serve.c */
    struct pyro_source listener;
    struct pyro_timer listening; /* runs while nobody can be heard for want of descriptors */
    struct client *clients;
    unsigned client_count;
    int owner_fd; /* of the owner that was dropped, -1: none */

    /* history.c */
    struct pyro_store *store; /* kept open by a workspace; NULL: not opened yet */
    double noted_expires_at;  /* what the store knows of uses without a command */

    /* command.c */
    struct command *commands;
    unsigned command_count;
    uint32_t last_stream;

    /* exec.c */
    unsigned exec_count; /* commands of clients */

    /* session.c */
    struct session *sessions;
    unsigned session_count, waiter_count;
};

/* main.c */
/* The VM's time is that long from now on. */
void expiry_restart(struct supervisor *supervisor, uint32_t ttl_seconds);

/* life.c */
void life_event(struct supervisor *supervisor, enum event event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* boot.c: each returns nothing and reports through life_event(). */
void boot_start(struct supervisor *supervisor);
/* The VM's first disk: a copy of `overlay`. 0 or a negative errno. */
int boot_copy_disk(struct supervisor *supervisor, int directory, const char *overlay);
void boot_finish(struct supervisor *supervisor); /* ends QEMU and all around it; idempotent */
void boot_send_setup(struct supervisor *supervisor);
void boot_done(struct supervisor *supervisor); /* stops the deadline, writes boot_json */
void boot_save_logs(struct supervisor *supervisor);
/* What QEMU said last, or else the guest's console; "" when both are silent. */
void boot_last_words(struct supervisor *supervisor, char *ret_text, size_t capacity);

/* restore.c: once restore_prepare() succeeded the next start is from the template, until
 * restore_forget(). restore_load() is called when QEMU is up. */
int restore_prepare(struct supervisor *supervisor);
void restore_forget(struct supervisor *supervisor);
void restore_load(struct supervisor *supervisor);
void restore_migration_event(struct supervisor *supervisor, const char *status);

/* freeze.c */
void freeze_begin(struct supervisor *supervisor);
void freeze_save(struct supervisor *supervisor); /* the guest is sealed */
void freeze_migration_event(struct supervisor *supervisor, const char *status);

/* Memory that is a file stays out of a saved state. Used by the two above. */
int pyro_qmp_ignore_shared(struct pyro_qmp *qmp, pyro_qmp_reply reply, void *userdata);

/* clock.c */
int clock_watch(struct supervisor *supervisor);
void clock_note(struct supervisor *supervisor); /* the guest was told the time just now */
/* The guest has its identity. When it took long to get it, on a busy host, so did the time: it is
 * told once more, just before its first command. */
void clock_confirm(struct supervisor *supervisor);
void clock_check(struct supervisor *supervisor);  /* tells it again when the host's clock jumped */
void clock_adjust(struct supervisor *supervisor); /* and else corrects what has drifted */

/* guest.c */
int guest_open(struct supervisor *supervisor, int fd);
void guest_close(struct supervisor *supervisor);
/* Writes what is queued in guest_out. */
void guest_flush(struct supervisor *supervisor);

/* serve.c */
int serve_open(struct supervisor *supervisor);
int serve_add(struct supervisor *supervisor, int fd, bool is_owner);
void serve_close(struct supervisor *supervisor); /* flushes, then closes all */
void serve_state(struct supervisor *supervisor); /* tells all clients the state, or the failure */
/* Sends what was queued. `queued` is what queueing it returned: a client that leaves so much unread
 * that nothing more fits is cut off, rather than told half of it. */
void serve_send(struct client *client, int queued);
/* One of its requests was: when it has all its answers, others may have its place. */
void serve_answered(struct client *client);

/* command.c; what else there is to them is in command.h */
/* 0, or -EPROTO when the guest may not say this. */
int command_from_guest(struct supervisor *supervisor, const struct pyro_frame *frame);
void command_send_waiting(struct supervisor *supervisor);
void command_finish_all(struct supervisor *supervisor);

/* exec.c */
/* 0, or a negative errno when the client must go: it may not say this, or no more fits. */
int exec_begin(struct client *client, const struct pyro_frame *frame);
int exec_from_client(struct client *client, const struct pyro_frame *frame);
void exec_client_gone(struct client *client);

/* history.c */
/* NULL when it cannot be opened; the log says why. */
struct pyro_store *history_store(struct supervisor *supervisor);
/* A workspace was used: its time counts from now. */
void history_use(struct supervisor *supervisor);
/* The same for a use that leaves no row by which one could tell. */
void history_note_use(struct supervisor *supervisor);
/* 0, or a negative errno when it cannot be written down: it must not run then. */
int history_begin(struct supervisor *supervisor, struct history *history,
                  const struct pyro_exec *exec);
/* Of one that is not written down these three do nothing. */
void history_output(struct supervisor *supervisor, struct history *history,
                    enum pyro_channel channel, const uint8_t *bytes, uint32_t size);
void history_end(struct supervisor *supervisor, struct history *history,
                 const struct pyro_exited *exited);
/* Its VM ends before it does. */
void history_lose(struct supervisor *supervisor, struct history *history);
/* The workspace is complete and stays. */
int history_keep(struct supervisor *supervisor, const char *seed_json, struct pyro_error *error);

/* ring.c */
int ring_watch(struct supervisor *supervisor, struct ring *ring, int fd);
void ring_close(struct ring *ring);
/* Writes it to a file of the bundle. */
void ring_save(struct supervisor *supervisor, const struct ring *ring, const char *name);
/* The last lines as printable text, "" when there is nothing. */
void ring_tail(const struct ring *ring, char *ret_text, size_t capacity);

#endif
