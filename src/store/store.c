/* Opening the store, making it, and bringing an older one up to date. The rows are in vms.c.
 *
 * A new store is made under another name and renamed into place, so nobody ever sees a half-made
 * one; making and migrating happen under a lock on a plain file, outside SQLite's own locking. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/text.h"
#include "store/database.h"
#include "store/gate.h"

enum {
    APPLICATION_ID = 0x7079726f, /* "pyro" in the file's header */
    PAGE_SIZE = 4096,
    BUSY_TIMEOUT_MS = 60 * 1000,
};

/* migrations[i] brings a store from version i to i + 1. Released ones are never edited. */
static const char *const migrations[] = {
    "CREATE TABLE vms ("
    "  vm_id TEXT PRIMARY KEY,"
    "  environment TEXT NOT NULL,"
    "  state TEXT NOT NULL,"
    "  vcpu_count INTEGER NOT NULL,"
    "  mem_mib INTEGER NOT NULL,"
    "  ttl_seconds INTEGER NOT NULL,"
    "  created_at REAL NOT NULL,"
    "  expires_at REAL NOT NULL,"
    "  network_enabled INTEGER NOT NULL,"
    "  allow_host_compat INTEGER NOT NULL,"
    "  one_shot INTEGER NOT NULL,"
    "  execution_mode TEXT,"
    "  accelerator TEXT,"
    "  isolation TEXT,"
    "  boot_json TEXT,"
    "  mac TEXT"
    ") STRICT, WITHOUT ROWID;",
    /* Workspaces: VMs that are meant to stay, and the history of their commands. */
    "ALTER TABLE vms ADD COLUMN seed_json TEXT;"
    "ALTER TABLE vms ADD COLUMN failure TEXT;"
    "ALTER TABLE vms ADD COLUMN host_boot_id TEXT;"
    "CREATE TABLE commands ("
    "  vm_id TEXT NOT NULL,"
    "  sequence INTEGER NOT NULL,"
    "  command TEXT NOT NULL,"
    "  cwd TEXT NOT NULL,"
    "  started_at REAL NOT NULL,"
    "  state TEXT NOT NULL,"
    "  exit_code INTEGER,"
    "  timed_out INTEGER NOT NULL DEFAULT 0,"
    "  duration_ms REAL,"
    "  stdout_bytes INTEGER NOT NULL DEFAULT 0,"
    "  stderr_bytes INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (vm_id, sequence)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER vm_is_gone AFTER DELETE ON vms BEGIN"
    "  DELETE FROM commands WHERE vm_id = old.vm_id;"
    "END;",
};

enum { SCHEMA_VERSION = ARRAY_SIZE(migrations) };

/* Small caches and no memory map, because every supervisor has a store open too. The log is kept
 * short, because the first process after a pause reads all of it. */
static const char settings[] = "PRAGMA synchronous = NORMAL;"
                               "PRAGMA cache_size = -128;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA wal_autocheckpoint = 100;"
                               "PRAGMA journal_size_limit = 1048576;";

int pyro_store_fail_corrupt(const char *path, const char *reason, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_STORE_CORRUPT, "cannot use the store %s: %s", path, reason);
    return pyro_error_hint(error,
                           "move %s (and %s-wal, %s-shm) away: pyro then starts with an empty "
                           "store; installed environments stay",
                           path, path, path);
}

static int hint_writable(const char *path, struct pyro_error *error)
{
    return pyro_error_hint(error,
                           "check that you may write to %s and its directory, or set PYRO_HOME to "
                           "a directory of your own",
                           path);
}

int pyro_store_fail(const struct pyro_store *store, int result, const char *asked,
                    struct pyro_error *error)
{
    const char *reason = store->database ? sqlite3_errmsg(store->database) : sqlite3_errstr(result);
    int errnum = store->database ? sqlite3_system_errno(store->database) : 0;
    if ((result & 0xff) == SQLITE_IOERR && errnum == ENOSPC)
        result = SQLITE_FULL;
    if ((result & 0xff) == SQLITE_BUSY && pyro_lock_patience_is_over())
        return pyro_error_set_errno(error, PYRO_ERROR_CANCELLED, ECANCELED, "%s", asked);
    switch (result & 0xff) {
    case SQLITE_NOMEM:
        return pyro_error_no_memory(error);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return pyro_store_fail_corrupt(store->path, reason, error);
    case SQLITE_FULL:
        return pyro_error_set_errno(error, PYRO_ERROR_STORE_FAILED, ENOSPC, "cannot %s (store %s)",
                                    asked, store->path);
    default:
        pyro_error_set(error, PYRO_ERROR_STORE_FAILED, "cannot %s (store %s): %s", asked,
                       store->path, reason);
        if (error)
            error->errnum = errnum;
        return hint_writable(store->path, error);
    }
}

static int run(struct pyro_store *store, const char *sql, struct pyro_error *error)
{
    int result = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : pyro_store_fail(store, result, "set the store up", error);
}

static int read_number(struct pyro_store *store, const char *sql, int *ret_number,
                       struct pyro_error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret_number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? 0
                                : pyro_store_fail(store, result, "read the store's version", error);
}

/* The last one to close must not checkpoint: that would lock readers out for a moment. */
static void keep_log_on_close(struct pyro_store *store)
{
    int keep = 1;
    sqlite3_file_control(store->database, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Somebody else writes. A write takes milliseconds; one that takes a minute will not end. */
static int wait_while_busy(void *userdata, int count)
{
    struct pyro_store *store = userdata;
    if (count == 0) {
        store->wait = (struct pyro_lock_wait){0};
        store->wait_began_ms = pyro_now_ms();
    }
    return pyro_now_ms() - store->wait_began_ms < BUSY_TIMEOUT_MS &&
           pyro_lock_wait_step(&store->wait);
}

static int connect_to(struct pyro_store *store, const char *path, struct pyro_error *error)
{
    int result =
        sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (store->database)
        pyro_store_gate_add(store);
    if (result != SQLITE_OK)
        return pyro_store_fail(store, result, "open the store", error);
    sqlite3_busy_handler(store->database, wait_while_busy, store);
    sqlite3_extended_result_codes(store->database, 1);
    return run(store, settings, error);
}

int pyro_store_connect(struct pyro_store *store, struct pyro_error *error)
{
    if (connect_to(store, store->path, error) < 0)
        return -1;
    keep_log_on_close(store);
    return 0;
}

void pyro_store_disconnect(struct pyro_store *store)
{
    pyro_store_gate_remove(store);
    sqlite3_close_v2(store->database);
    store->database = NULL;
}

static int migrate(struct pyro_store *store, int version, struct pyro_error *error)
{
    int r = run(store, "BEGIN IMMEDIATE", error);
    for (; r == 0 && version < SCHEMA_VERSION; version++)
        r = run(store, migrations[version], error);
    if (r < 0)
        return r; /* the connection is closed, which rolls back */
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             APPLICATION_ID, SCHEMA_VERSION);
    return run(store, sql, error);
}

static int read_version(struct pyro_store *store, int *ret_version, struct pyro_error *error)
{
    int application = 0;
    if (read_number(store, "PRAGMA user_version", ret_version, error) < 0 ||
        read_number(store, "PRAGMA application_id", &application, error) < 0)
        return -1;
    if (application != APPLICATION_ID)
        return pyro_store_fail_corrupt(store->path, "it is a database, but not one of pyro's",
                                       error);
    if (*ret_version > SCHEMA_VERSION) {
        pyro_error_set(error, PYRO_ERROR_STORE_VERSION,
                       "cannot use the store %s: it has version %d, this pyro knows versions up to "
                       "%d",
                       store->path, *ret_version, SCHEMA_VERSION);
        return pyro_error_hint(error, "install the newer pyro that made it, or set PYRO_HOME to "
                                      "another directory");
    }
    return 0;
}

/* Loads the schema, which the first real statement would do anyway, so that a torn file shows here.
 */
static int check_tables(struct pyro_store *store, struct pyro_error *error)
{
    sqlite3_stmt *statement = NULL;
    int result =
        sqlite3_prepare_v2(store->database, "SELECT vm_id FROM vms LIMIT 1", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        sqlite3_finalize(statement);
    }
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return 0;
    if (result == SQLITE_ERROR)
        return pyro_store_fail_corrupt(store->path, sqlite3_errmsg(store->database), error);
    return pyro_store_fail(store, result, "read the store", error);
}

/* A lock that is released by closing the descriptor, or a negative errno. */
static int lock(const char *home)
{
    cleanup_free char *path = pyro_text_format("%s/store.lock", home);
    if (!path)
        return -ENOMEM;
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = pyro_flock(fd, LOCK_EX);
    return r < 0 ? r : steal_fd(&fd);
}

/* Size of the store's file; 0 when it is not there. An empty one is what a power cut right after
 * the first start may leave, and as good as none. */
static off_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static int remove_beside(const char *path, const char *suffix)
{
    cleanup_free char *beside = pyro_text_format("%s%s", path, suffix);
    if (!beside)
        return -ENOMEM;
    return unlink(beside) < 0 && errno != ENOENT ? -errno : 0;
}

/* Logs of a database that was moved away would be replayed into the new one. */
static int remove_logs(const char *path)
{
    int r = remove_beside(path, "-wal");
    return r < 0 ? r : remove_beside(path, "-shm");
}

/* Fills a new database and closes it, which also folds its log into it. */
static int fill(const char *path, struct pyro_error *error)
{
    struct pyro_store store = {.path = (char *)path};
    int r = connect_to(&store, path, error);
    if (r == 0)
        r = run(&store, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL", error);
    if (r == 0)
        r = migrate(&store, 0, error);
    pyro_store_disconnect(&store);
    return r;
}

static int make(const char *path, struct pyro_error *error)
{
    cleanup_free char *beside = pyro_text_format("%s.new", path);
    if (!beside)
        return pyro_error_no_memory(error);
    int r = remove_logs(beside);
    cleanup_close int fd = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        r = -errno;
    if (r == 0) {
        if (fill(beside, error) < 0) {
            unlink(beside);
            return -1;
        }
        r = remove_logs(path);
    }
    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    pyro_error_set_errno(error, PYRO_ERROR_STORE_FAILED, r, "cannot make the store %s", path);
    return hint_writable(path, error);
}

/* Called for a store that is not there or is old. Whoever gets the lock first does the work. */
static int make_or_migrate(const char *home, struct pyro_store *store, struct pyro_error *error)
{
    cleanup_close int lock_fd = lock(home);
    if (lock_fd < 0) {
        pyro_error_set_errno(error, PYRO_ERROR_STORE_FAILED, lock_fd, "cannot lock the store %s",
                             store->path);
        return lock_fd == -ECANCELED ? -1 : hint_writable(store->path, error);
    }
    if (file_size(store->path) == 0 && make(store->path, error) < 0)
        return -1;
    int version = 0;
    if (connect_to(store, store->path, error) < 0 || read_version(store, &version, error) < 0)
        return -1;
    return version < SCHEMA_VERSION ? migrate(store, version, error) : 0;
}

static int open_made(const char *home, struct pyro_store *store, struct pyro_error *error)
{
    int version = 0;
    if (connect_to(store, store->path, error) < 0 || read_version(store, &version, error) < 0)
        return -1;
    if (version == SCHEMA_VERSION)
        return 0;
    pyro_store_disconnect(store);
    return make_or_migrate(home, store, error);
}

static void destroy(struct pyro_store *store)
{
    if (!store)
        return;
    pyro_store_disconnect(store);
    free(store->path);
    free(store);
}

int pyro_store_open(const char *home, struct pyro_store **ret_store, struct pyro_error *error)
{
    cleanup_store_gate int gate = pyro_store_gate_enter();
    struct pyro_store *store = calloc(1, sizeof(*store));
    if (store)
        store->path = pyro_text_format("%s/store.sqlite", home);
    if (!store || !store->path) {
        destroy(store);
        return pyro_error_no_memory(error);
    }
    off_t size = file_size(store->path);
    int r;
    if (size == 0)
        r = make_or_migrate(home, store, error);
    else if (size % PAGE_SIZE != 0) /* SQLite reads a torn last page as if zeros followed */
        r = pyro_store_fail_corrupt(store->path, "it was cut short", error);
    else
        r = open_made(home, store, error);
    if (r == 0)
        r = check_tables(store, error);
    if (r < 0) {
        destroy(store);
        return -1;
    }
    keep_log_on_close(store);
    *ret_store = store;
    return 0;
}

void pyro_store_close(struct pyro_store *store)
{
    cleanup_store_gate int gate = pyro_store_gate_enter();
    destroy(store);
}
