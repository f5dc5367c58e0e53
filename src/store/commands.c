/* The history of a workspace's commands. */
#include <stdlib.h>
#include <string.h>

#include "store/database.h"
#include "store/gate.h"

void pyro_command_record_finish(struct pyro_command_record *record)
{
    free(record->command);
    free(record->cwd);
    free(record->state);
    *record = (struct pyro_command_record){0};
}

void pyro_store_commands_free(struct pyro_command_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pyro_command_record_finish(&records[i]);
    free(records);
}

int pyro_store_command_begin(struct pyro_store *store, const char *vm_id,
                             const struct pyro_command_record *record, int64_t *ret_sequence,
                             struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store,
                           "INSERT INTO commands (vm_id, sequence, command, cwd, started_at, state)"
                           " SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4, 'running'"
                           " FROM commands WHERE vm_id = ?1 RETURNING sequence",
                           &statement, error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    pyro_store_bind_text(statement, 2, record->command);
    pyro_store_bind_text(statement, 3, record->cwd);
    sqlite3_bind_double(statement, 4, record->started_at);
    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret_sequence = sqlite3_column_int64(statement, 0);
    return pyro_store_finish_write(store, statement, "add a command", error);
}

int pyro_store_command_end(struct pyro_store *store, const char *vm_id,
                           const struct pyro_command_record *record, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store,
                           "UPDATE commands SET state = ?8, exit_code = ?3, timed_out = ?4,"
                           " duration_ms = ?5, stdout_bytes = ?6, stderr_bytes = ?7"
                           " WHERE vm_id = ?1 AND sequence = ?2",
                           &statement, error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    sqlite3_bind_int64(statement, 2, record->sequence);
    if (record->has_exit_code) /* else it stays NULL */
        sqlite3_bind_int64(statement, 3, record->exit_code);
    sqlite3_bind_int(statement, 4, record->timed_out);
    sqlite3_bind_double(statement, 5, record->duration_ms);
    sqlite3_bind_int64(statement, 6, record->stdout_bytes);
    sqlite3_bind_int64(statement, 7, record->stderr_bytes);
    pyro_store_bind_text(statement, 8, record->state);
    return pyro_store_finish_write(store, statement, "write down a command's end", error);
}

int pyro_store_commands_lose(struct pyro_store *store, const char *vm_id, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store,
                           "UPDATE commands SET state = 'lost'"
                           " WHERE vm_id = ? AND state = 'running'",
                           &statement, error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    return pyro_store_finish_write(store, statement, "write down lost commands", error);
}

static int read_row(sqlite3_stmt *statement, struct pyro_command_record *ret_record,
                    struct pyro_error *error)
{
    bool failed = false;
    *ret_record = (struct pyro_command_record){
        .sequence = sqlite3_column_int64(statement, 0),
        .command = pyro_store_copy_text(statement, 1, &failed),
        .cwd = pyro_store_copy_text(statement, 2, &failed),
        .started_at = sqlite3_column_double(statement, 3),
        .state = pyro_store_copy_text(statement, 4, &failed),
        .has_exit_code = sqlite3_column_type(statement, 5) != SQLITE_NULL,
        .exit_code = sqlite3_column_int64(statement, 5),
        .timed_out = sqlite3_column_int(statement, 6) != 0,
        .duration_ms = sqlite3_column_double(statement, 7),
        .stdout_bytes = sqlite3_column_int64(statement, 8),
        .stderr_bytes = sqlite3_column_int64(statement, 9),
    };
    if (!failed && ret_record->command && ret_record->cwd && ret_record->state)
        return 0;
    pyro_command_record_finish(ret_record);
    return pyro_error_no_memory(error);
}

static int count_rows(struct pyro_store *store, const char *vm_id, int64_t *ret_count,
                      struct pyro_error *error)
{
    sqlite3_stmt *statement;
    if (pyro_store_prepare(store, "SELECT count(*) FROM commands WHERE vm_id = ?", &statement,
                           error) < 0)
        return -1;
    pyro_store_bind_text(statement, 1, vm_id);
    int result = sqlite3_step(statement);
    *ret_count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? 0 : pyro_store_fail(store, result, "count commands", error);
}

int pyro_store_command_count(struct pyro_store *store, const char *vm_id, int64_t *ret_count,
                             struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    return gate < 0 ? -1 : count_rows(store, vm_id, ret_count, error);
}

/* How many there will be is known before they are read. */
static int read_rows(struct pyro_store *store, sqlite3_stmt *statement,
                     struct pyro_command_record *records, size_t capacity, size_t *ret_count,
                     struct pyro_error *error)
{
    int result = SQLITE_DONE, r = 0;
    *ret_count = 0;
    while (r == 0 && *ret_count < capacity && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        r = read_row(statement, &records[*ret_count], error);
        *ret_count += r == 0;
    }
    if (r == 0 && result != SQLITE_ROW && result != SQLITE_DONE)
        r = pyro_store_fail(store, result, "list commands", error);
    return r;
}

static void reverse(struct pyro_command_record *records, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct pyro_command_record swapped = records[i];
        records[i] = records[count - 1 - i];
        records[count - 1 - i] = swapped;
    }
}

int pyro_store_command_list(struct pyro_store *store, const char *vm_id, size_t most,
                            struct pyro_command_record **ret_records, size_t *ret_count,
                            struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_enter(store, error);
    if (gate < 0)
        return -1;
    int64_t count;
    sqlite3_stmt *statement;
    if (count_rows(store, vm_id, &count, error) < 0)
        return -1;
    size_t capacity = most > 0 ? MIN(most, (size_t)count) : (size_t)count;
    struct pyro_command_record *records = calloc(capacity + 1, sizeof(*records));
    if (!records)
        return pyro_error_no_memory(error);
    if (pyro_store_prepare(store,
                           "SELECT sequence, command, cwd, started_at, state, exit_code, timed_out,"
                           " duration_ms, stdout_bytes, stderr_bytes FROM commands"
                           " WHERE vm_id = ? ORDER BY sequence DESC LIMIT ?",
                           &statement, error) < 0) {
        free(records);
        return -1;
    }
    pyro_store_bind_text(statement, 1, vm_id);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)capacity);
    int r = read_rows(store, statement, records, capacity, ret_count, error);
    sqlite3_finalize(statement);
    if (r < 0) {
        pyro_store_commands_free(records, *ret_count);
        return -1;
    }
    reverse(records, *ret_count);
    *ret_records = records;
    return 0;
}
