/* What every table's statements are made of. */
#include <stdlib.h>
#include <string.h>

#include "store/database.h"

int pyro_store_prepare(struct pyro_store *store, const char *sql, sqlite3_stmt **ret_statement,
                       struct pyro_error *error)
{
    int result = sqlite3_prepare_v2(store->database, sql, -1, ret_statement, NULL);
    return result == SQLITE_OK ? 0 : pyro_store_fail(store, result, "read the store", error);
}

void pyro_store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

int pyro_store_finish_write(struct pyro_store *store, sqlite3_stmt *statement, const char *asked,
                            struct pyro_error *error)
{
    int result = sqlite3_step(statement);
    int r = result == SQLITE_DONE ? 0 : pyro_store_fail(store, result, asked, error);
    sqlite3_finalize(statement);
    return r;
}

char *pyro_store_copy_text(sqlite3_stmt *statement, int column, bool *failed)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    char *copy = text ? strdup(text) : NULL;
    if (!copy && sqlite3_column_type(statement, column) != SQLITE_NULL)
        *failed = true;
    return copy;
}
