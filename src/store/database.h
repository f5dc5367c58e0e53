/* Inside the store only: the open database, and how SQLite's failures become ours. */
#ifndef PYRO_STORE_DATABASE_H
#define PYRO_STORE_DATABASE_H

#include <sqlite3.h>

#include "base/lock.h"
#include "store/store.h"

struct pyro_store {
    sqlite3 *database; /* NULL: not connected (gate.h) */
    char *path;
    struct pyro_store *next; /* that is connected */
    struct pyro_lock_wait wait;
    uint64_t wait_began_ms;
};

/* Opens the database, which is there. 0, or -1 and an error. */
int pyro_store_connect(struct pyro_store *store, struct pyro_error *error);
void pyro_store_disconnect(struct pyro_store *store);

/* Turns a result code of SQLite into an error, "asked: reason". Returns -1. */
int pyro_store_fail(const struct pyro_store *store, int result, const char *asked,
                    struct pyro_error *error);

/* PYRO_ERROR_STORE_CORRUPT, with the hint that names the file to move away. Returns -1. */
int pyro_store_fail_corrupt(const char *path, const char *reason, struct pyro_error *error);

/* What every table's statements are made of. Statements are finalised by pyro_store_finish_write()
 * or by their reader. */
int pyro_store_prepare(struct pyro_store *store, const char *sql, sqlite3_stmt **ret_statement,
                       struct pyro_error *error);
/* The caller's text outlives the statement. NULL becomes SQL's NULL. */
void pyro_store_bind_text(sqlite3_stmt *statement, int index, const char *text);
int pyro_store_finish_write(struct pyro_store *store, sqlite3_stmt *statement, const char *asked,
                            struct pyro_error *error);
/* A copy of a column's text, NULL for SQL's NULL; `failed` is set when memory ran out. */
char *pyro_store_copy_text(sqlite3_stmt *statement, int column, bool *failed);

#endif
