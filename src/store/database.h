/* Inside the store only: the open database, and how SQLite's failures become ours. */
#ifndef PYRO_STORE_DATABASE_H
#define PYRO_STORE_DATABASE_H

#include <sqlite3.h>

#include "store/store.h"

struct pyro_store {
    sqlite3 *database;
    char *path;
};

/* Turns a result code of SQLite into an error, "asked: reason". Returns -1. */
int pyro_store_fail(const struct pyro_store *store, int result, const char *asked,
                    struct pyro_error *error);

/* PYRO_ERROR_STORE_CORRUPT, with the hint that names the file to move away. Returns -1. */
int pyro_store_fail_corrupt(const char *path, const char *reason, struct pyro_error *error);

#endif
