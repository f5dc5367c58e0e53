/* The rows of VMs. Every write is one statement: SQLite takes the write lock before it reads, and
 * waits for other writers. */
#include <stdlib.h>
#include <string.h>

#include "store/database.h"
#include "store/gate.h"

#define COLUMNS                                                                                    \
    "vm_id, environment, state, vcpu_count, mem_mib, ttl_seconds, created_at, expires_at, "        \
    "network_enabled, allow_host_compat, one_shot, execution_mode, accelerator, isolation, "       \
    "boot_json, mac, seed_json, failure, host_boot_id"

void pyro_vm_record_finish(struct pyro_vm_record *record)
{
    free(record->environment);
    free(record->state);
    free(record->execution_mode);
    free(record->accelerator);
    free(record->isolation);
    free(record->boot_json);
    free(record->mac);
    free(record->seed_json);
    free(record->failure);
    free(record->host_boot_id);
    *record = (struct pyro_vm_record){0};
}

void pyro_store_vms_free(struct pyro_vm_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pyro_vm_record_finish(&records[i]);
    free(records);
}

static int fail_unknown(const char *vm_id, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_UNKNOWN_VM, "no VM has the id '%.80s'", vm_id);
    pyro_error_field(error, "vm_id");
    return pyro_error_hint(error, "it may have been deleted or have reached its time limit; "
                                  "vm_create makes a new one");
}

/* Counting and adding are one statement, so that many who start at once do not all see a free
 * place. */
static const char insert_sql[] =
    "INSERT INTO vms (" COLUMNS ") SELECT ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,? "
    "WHERE ?20 = 0 OR (SELECT count(*) FROM vms WHERE one_shot OR state = 'started') < ?20";

static void bind_record(sqlite3_stmt *statement, const struct pyro_vm_record *record)
{
    const char *const texts[] = {record->execution_mode, record->accelerator, record->isolation,
                                 record->boot_json,      record->mac,         record->seed_json,
                                 record->failure,        record->host_boot_id};
    pyro_store_bind_text(statement, 1, record->vm_id);
    pyro_store_bind_text(statement, 2, record->environment);
    pyro_store_bind_text(statement, 3, record->state);
    sqlite3_bind_int64(statement, 4, record->vcpu_count);
    sqlite3_bind_int64(statement, 5, record->mem_mib);
    sqlite3_bind_int64(statement, 6, record->ttl_seconds);
    sqlite3_bind_double(statement, 7, record->created_at);
    sqlite3_bind_double(statement, 8, record->expires_at);
    sqlite3_bind_int(statement, 9, record->network_enabled);
    sqlite3_bind_int(statement, 10, record->allow_host_compat);
    sqlite3_bind_int(statement, 11, record->one_shot);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        pyro_store_bind_text(statement, 12 + (int)i, texts[i]);
}

int pyro_store_vm_insert(struct pyro_store *store, const struct pyro_vm_record *record,
                         unsigned active_most, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, insert_sql, &statement, error) < 0)
        return -1;
    bind_record(statement, record);
    sqlite3_bind_int64(statement, 20, record->one_shot ? active_most : 0);
    if (pyro_store_finish_write(store, statement, "add a VM", error) < 0)
        return -1;
    if (sqlite3_changes(store->database) > 0)
        return 0;
    return pyro_error_set(error, PYRO_ERROR_TOO_MANY_VMS,
                          "cannot start another VM: %u run already, the most that may",
                          active_most);
}

static int read_row(const struct pyro_store *store, sqlite3_stmt *statement,
                    struct pyro_vm_record *ret_record, struct pyro_error *error)
{
    bool failed = false;
    struct pyro_vm_record record = {
        .environment = pyro_store_copy_text(statement, 1, &failed),
        .state = pyro_store_copy_text(statement, 2, &failed),
        .vcpu_count = sqlite3_column_int64(statement, 3),
        .mem_mib = sqlite3_column_int64(statement, 4),
        .ttl_seconds = sqlite3_column_int64(statement, 5),
        .created_at = sqlite3_column_double(statement, 6),
        .expires_at = sqlite3_column_double(statement, 7),
        .network_enabled = sqlite3_column_int(statement, 8) != 0,
        .allow_host_compat = sqlite3_column_int(statement, 9) != 0,
        .one_shot = sqlite3_column_int(statement, 10) != 0,
        .execution_mode = pyro_store_copy_text(statement, 11, &failed),
        .accelerator = pyro_store_copy_text(statement, 12, &failed),
        .isolation = pyro_store_copy_text(statement, 13, &failed),
        .boot_json = pyro_store_copy_text(statement, 14, &failed),
        .mac = pyro_store_copy_text(statement, 15, &failed),
        .seed_json = pyro_store_copy_text(statement, 16, &failed),
        .failure = pyro_store_copy_text(statement, 17, &failed),
        .host_boot_id = pyro_store_copy_text(statement, 18, &failed),
    };
    const char *vm_id = (const char *)sqlite3_column_text(statement, 0);
    size_t length = vm_id ? strlen(vm_id) : 0;
    if (!vm_id || failed) {
        pyro_vm_record_finish(&record);
        return pyro_error_no_memory(error);
    }
    if (length >= sizeof(record.vm_id)) {
        pyro_vm_record_finish(&record);
        return pyro_store_fail_corrupt(store->path, "it has a VM whose id is too long", error);
    }
    memcpy(record.vm_id, vm_id, length + 1);
    *ret_record = record;
    return 0;
}

int pyro_store_vm_get(struct pyro_store *store, const char *vm_id,
                      struct pyro_vm_record *ret_record, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, "SELECT " COLUMNS " FROM vms WHERE vm_id = ?", &statement,
                           error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    int result = sqlite3_step(statement), r;
    if (result == SQLITE_ROW)
        r = read_row(store, statement, ret_record, error);
    else if (result == SQLITE_DONE)
        r = fail_unknown(vm_id, error);
    else
        r = pyro_store_fail(store, result, "read a VM", error);
    sqlite3_finalize(statement);
    return r;
}

static struct pyro_vm_record *grow(struct pyro_vm_record **records, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return &(*records)[count];
    size_t larger = MAX(*capacity * 2, (size_t)16);
    struct pyro_vm_record *moved = reallocarray(*records, larger, sizeof(**records));
    if (!moved)
        return NULL;
    *records = moved;
    *capacity = larger;
    return &moved[count];
}

int pyro_store_vm_list(struct pyro_store *store, struct pyro_vm_record **ret_records,
                       size_t *ret_count, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, "SELECT " COLUMNS " FROM vms ORDER BY created_at, vm_id",
                           &statement, error) < 0)
        return -1;
    struct pyro_vm_record *records = NULL;
    size_t count = 0, capacity = 0;
    int result, r = 0;
    while (r == 0 && (result = sqlite3_step(statement)) != SQLITE_DONE) {
        struct pyro_vm_record *next = grow(&records, count, &capacity);
        if (result != SQLITE_ROW)
            r = pyro_store_fail(store, result, "list the VMs", error);
        else
            r = next ? read_row(store, statement, next, error) : pyro_error_no_memory(error);
        count += r == 0;
    }
    sqlite3_finalize(statement);
    if (r < 0) {
        pyro_store_vms_free(records, count);
        return -1;
    }
    *ret_records = records;
    *ret_count = count;
    return 0;
}

static const char update_sql[] =
    "UPDATE vms SET state = coalesce(?1, state),"
    " execution_mode = coalesce(?2, execution_mode),"
    " accelerator = coalesce(?3, accelerator),"
    " isolation = coalesce(?4, isolation),"
    " boot_json = coalesce(?5, boot_json),"
    " seed_json = coalesce(?6, seed_json),"
    " failure = CASE WHEN ?1 = 'started' THEN NULL ELSE coalesce(?7, failure) END,"
    " host_boot_id = coalesce(?8, host_boot_id),"
    " expires_at = CASE WHEN ?9 > 0 THEN ?9 ELSE expires_at END,"
    " one_shot = CASE WHEN ?10 THEN 0 ELSE one_shot END WHERE vm_id = ?11";

int pyro_store_vm_update(struct pyro_store *store, const char *vm_id,
                         const struct pyro_vm_change *change, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    const char *const texts[] = {change->state,     change->execution_mode, change->accelerator,
                                 change->isolation, change->boot_json,      change->seed_json,
                                 change->failure,   change->host_boot_id};
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, update_sql, &statement, error) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        pyro_store_bind_text(statement, 1 + (int)i, texts[i]);
    sqlite3_bind_double(statement, 9, change->expires_at);
    sqlite3_bind_int(statement, 10, change->keep);
    pyro_store_bind_text(statement, 11, vm_id);
    if (pyro_store_finish_write(store, statement, "change a VM", error) < 0)
        return -1;
    return sqlite3_changes(store->database) > 0 ? 0 : fail_unknown(vm_id, error);
}

int pyro_store_vm_claim(struct pyro_store *store, const struct pyro_vm_record *record,
                        struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    static const char sql[] = "UPDATE vms SET created_at = ?1, expires_at = ?2, ttl_seconds = ?3,"
                              " allow_host_compat = ?4 WHERE vm_id = ?5";
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, sql, &statement, error) < 0)
        return -1;
    sqlite3_bind_double(statement, 1, record->created_at);
    sqlite3_bind_double(statement, 2, record->expires_at);
    sqlite3_bind_int64(statement, 3, record->ttl_seconds);
    sqlite3_bind_int(statement, 4, record->allow_host_compat);
    pyro_store_bind_text(statement, 5, record->vm_id);
    if (pyro_store_finish_write(store, statement, "change a VM", error) < 0)
        return -1;
    return sqlite3_changes(store->database) > 0 ? 0 : fail_unknown(record->vm_id, error);
}

int pyro_store_vm_delete(struct pyro_store *store, const char *vm_id, bool *ret_deleted,
                         struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, "DELETE FROM vms WHERE vm_id = ?", &statement, error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    if (pyro_store_finish_write(store, statement, "delete a VM", error) < 0)
        return -1;
    if (ret_deleted)
        *ret_deleted = sqlite3_changes(store->database) > 0;
    return 0;
}
