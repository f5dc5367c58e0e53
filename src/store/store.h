/* The store: an SQLite database in HOME that says what exists. WAL mode, schema version in the
 * file, every call waits for other writers rather than failing. */
#ifndef PYRO_STORE_STORE_H
#define PYRO_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { PYRO_VM_ID_SIZE = 40 }; /* "vm-" and 32 hex digits, and the NUL */

struct pyro_store;

/* One row. Strings are owned by the struct. */
struct pyro_vm_record {
    char vm_id[PYRO_VM_ID_SIZE];
    char *environment;
    char *state; /* created, started, stopped; a workspace also failed */
    int64_t vcpu_count, mem_mib, ttl_seconds;
    double created_at, expires_at;
    bool network_enabled, allow_host_compat;
    bool one_shot; /* goes when its client goes; no trace is kept */
    char *execution_mode, *accelerator, *isolation;
    char *boot_json;    /* object with boot_ms and its parts, or NULL before the first start */
    char *mac;          /* "52:54:00:…", or NULL without a network */
    char *seed_json;    /* of a workspace: how it was seeded; NULL: it is none */
    char *failure;      /* why it does not run though nobody stopped it, or NULL */
    char *host_boot_id; /* of the host when it was started last, or NULL */
};

void pyro_vm_record_finish(struct pyro_vm_record *record);

/* Opens HOME/store.sqlite, makes it when it is not there. PYRO_ERROR_STORE_CORRUPT (damaged, or not
 * a database: says which file to move away), PYRO_ERROR_STORE_VERSION (made by a newer pyro),
 * PYRO_ERROR_STORE_FAILED. `home` is the directory. */
int pyro_store_open(const char *home, struct pyro_store **ret_store, struct pyro_error *error);
void pyro_store_close(struct pyro_store *store);

/* With `active_most` > 0 a one-shot row is refused (PYRO_ERROR_TOO_MANY_VMS) when so many VMs run.
 */
int pyro_store_vm_insert(struct pyro_store *store, const struct pyro_vm_record *record,
                         unsigned active_most, struct pyro_error *error);
/* PYRO_ERROR_UNKNOWN_VM when there is none. */
int pyro_store_vm_get(struct pyro_store *store, const char *vm_id,
                      struct pyro_vm_record *ret_record, struct pyro_error *error);
/* All rows, oldest first; an array of `ret_count`, to be freed with pyro_store_vms_free(). */
int pyro_store_vm_list(struct pyro_store *store, struct pyro_vm_record **ret_records,
                       size_t *ret_count, struct pyro_error *error);
void pyro_store_vms_free(struct pyro_vm_record *records, size_t count);
/* Changes state, and what the start found out; NULL and 0 leave the column as it is. A row that
 * becomes `started` has no failure any more. */
struct pyro_vm_change {
    const char *state, *execution_mode, *accelerator, *isolation, *boot_json;
    const char *seed_json, *failure, *host_boot_id;
    double expires_at;
    bool keep; /* it is no one-shot VM any more */
};
int pyro_store_vm_update(struct pyro_store *store, const char *vm_id,
                         const struct pyro_vm_change *change, struct pyro_error *error);
/* A VM that was made in advance is put to use: takes created_at, expires_at, ttl_seconds and
 * allow_host_compat of `record`. */
int pyro_store_vm_claim(struct pyro_store *store, const struct pyro_vm_record *record,
                        struct pyro_error *error);
/* Deleting what is not there is fine; `ret_deleted` (may be NULL) tells. Its commands go too. */
int pyro_store_vm_delete(struct pyro_store *store, const char *vm_id, bool *ret_deleted,
                         struct pyro_error *error);

/* One command of a workspace. Strings are owned by the struct. */
struct pyro_command_record {
    int64_t sequence; /* from 1 */
    char *command;    /* as a shell would read it back */
    char *cwd;
    double started_at;
    char *state; /* running, exited, lost (its VM died first) */
    bool has_exit_code;
    int64_t exit_code;
    bool timed_out;
    double duration_ms;
    int64_t stdout_bytes, stderr_bytes;
};

void pyro_command_record_finish(struct pyro_command_record *record);

/* Adds a running command with the next sequence number. `record` gives command, cwd, started_at. */
int pyro_store_command_begin(struct pyro_store *store, const char *vm_id,
                             const struct pyro_command_record *record, int64_t *ret_sequence,
                             struct pyro_error *error);
/* Writes down how the command with the record's number ended. */
int pyro_store_command_end(struct pyro_store *store, const char *vm_id,
                           const struct pyro_command_record *record, struct pyro_error *error);
/* All that still run in the books are lost. */
int pyro_store_commands_lose(struct pyro_store *store, const char *vm_id, struct pyro_error *error);
/* All, in order; an array of `ret_count`, to be freed with pyro_store_commands_free(). `most` > 0:
 * only the last ones. */
int pyro_store_command_list(struct pyro_store *store, const char *vm_id, size_t most,
                            struct pyro_command_record **ret_records, size_t *ret_count,
                            struct pyro_error *error);
void pyro_store_commands_free(struct pyro_command_record *records, size_t count);
int pyro_store_command_count(struct pyro_store *store, const char *vm_id, int64_t *ret_count,
                             struct pyro_error *error);

#endif
