/* The store: rows, what it says to files that are not its own, and many processes at once. */
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/text.h"
#include "tap.h"

static char home[] = "/tmp/pyro-store-XXXXXX";
static char path[64], log_path[80];

static struct pyro_vm_record make_record(const char *id, double created_at)
{
    struct pyro_vm_record record = {
        .environment = "debian:12",
        .state = "created",
        .vcpu_count = 2,
        .mem_mib = 1024,
        .ttl_seconds = 600,
        .created_at = created_at,
        .expires_at = created_at + 600,
        .network_enabled = true,
        .execution_mode = "pending",
        .mac = "52:54:00:01:02:03",
    };
    snprintf(record.vm_id, sizeof(record.vm_id), "%s", id);
    return record;
}

static void remove_store(void)
{
    unlink(path);
    unlink(log_path);
    cleanup_free char *shared = pyro_text_format("%s-shm", path);
    unlink(shared);
}

static void test_round_trip(void)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_store *store = NULL;
    is_int(pyro_store_open(home, &store, &error), 0, "a new store opens");
    struct stat status;
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "its file has mode 0600");
    ok(stat(log_path, &status) == 0 && (status.st_mode & 0777) == 0600, "so has its log");

    struct pyro_vm_record record = make_record("vm-b", 20), other = make_record("vm-a", 10), got;
    is_int(pyro_store_vm_insert(store, &record, 0, &error), 0, "insert");
    is_int(pyro_store_vm_insert(store, &other, 0, &error), 0, "insert another");
    is_int(pyro_store_vm_insert(store, &other, 0, &error), -1, "the same id twice is refused");
    is_int(error.code, PYRO_ERROR_STORE_FAILED, "as a failure of the store");
    is_int(pyro_store_vm_get(store, "vm-b", &got, &error), 0, "get");
    is_text(got.environment, "debian:12", "environment");
    is_text(got.mac, "52:54:00:01:02:03", "mac");
    ok(got.network_enabled && !got.one_shot && got.vcpu_count == 2 && got.mem_mib == 1024 &&
           got.expires_at == 620.0 && got.boot_json == NULL && got.accelerator == NULL,
       "every column comes back");
    pyro_vm_record_finish(&got);

    struct pyro_vm_change change = {.state = "started", .boot_json = "{}"};
    is_int(pyro_store_vm_update(store, "vm-b", &change, &error), 0, "update");
    pyro_store_close(store);

    is_int(pyro_store_open(home, &store, &error), 0, "it opens again");
    struct pyro_vm_record *records;
    size_t count;
    is_int(pyro_store_vm_list(store, &records, &count, &error), 0, "list");
    is_int(count, 2, "two rows");
    is_text(records[0].vm_id, "vm-a", "oldest first");
    is_text(records[1].state, "started", "the change was kept");
    is_text(records[1].execution_mode, "pending", "what was not changed stays");
    pyro_store_vms_free(records, count);
    bool deleted;
    is_int(pyro_store_vm_delete(store, "vm-b", &deleted, &error), 0, "delete");
    ok(deleted, "and it says so");
    is_int(pyro_store_vm_delete(store, "vm-b", &deleted, &error), 0, "delete again");
    ok(!deleted, "nothing was there");
    is_int(pyro_store_vm_get(store, "vm-b", &got, &error), -1, "get what is not there");
    is_int(error.code, PYRO_ERROR_UNKNOWN_VM, "unknown_vm");
    is_text(error.field, "vm_id", "names the parameter");
    is_int(pyro_store_vm_update(store, "x'; DROP TABLE vms; --", &change, &error), -1, "odd id");
    is_int(error.code, PYRO_ERROR_UNKNOWN_VM, "is just unknown");
    pyro_store_close(store);
}

static enum pyro_error_code open_code(struct pyro_error *error)
{
    struct pyro_store *store = NULL;
    *error = (struct pyro_error)PYRO_ERROR_INIT;
    if (pyro_store_open(home, &store, error) == 0)
        pyro_store_close(store);
    return error->code;
}

static void run_sql(const char *sql)
{
    sqlite3 *database;
    sqlite3_open(path, &database);
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        printf("# %s: %s\n", sql, sqlite3_errmsg(database));
    sqlite3_close(database);
}

static void test_other_files(void)
{
    struct pyro_error error;
    run_sql("PRAGMA user_version = 99");
    is_int(open_code(&error), PYRO_ERROR_STORE_VERSION, "a newer version is refused");
    ok(strstr(error.message, "99") != NULL, "and named: %s", error.message);

    remove_store();
    run_sql("CREATE TABLE x (y)");
    is_int(open_code(&error), PYRO_ERROR_STORE_CORRUPT, "somebody else's database is refused");

    remove_store();
    char garbage[8192];
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (char)(i * 7 + 1);
    pyro_file_replace_at(AT_FDCWD, path, garbage, sizeof(garbage), 0600, 0);
    is_int(open_code(&error), PYRO_ERROR_STORE_CORRUPT, "garbage is refused");
    ok(strstr(error.hint, path) != NULL, "the hint names the file");
    struct stat status;
    ok(stat(path, &status) == 0 && status.st_size == sizeof(garbage), "and it is left alone");

    pyro_file_replace_at(AT_FDCWD, path, "", 0, 0600, 0);
    is_int(open_code(&error), PYRO_ERROR_NONE, "an empty file becomes a store");

    remove_store();
    mkdir(path, 0700);
    ok(open_code(&error) != PYRO_ERROR_NONE, "a directory is refused: %s", error.message);
    rmdir(path);
}

/* Cuts a good store at every 64th byte: it must be refused or work, never crash. */
static void test_truncated(void)
{
    struct pyro_error error;
    open_code(&error);
    cleanup_free char *whole = NULL;
    size_t size = 0;
    is_int(pyro_file_read_at(AT_FDCWD, path, 1 << 20, &whole, &size), 0, "a good store");
    size_t refused = 0, tried = 0;
    for (size_t cut = 1; cut < size; cut += 64, tried++) {
        remove_store();
        pyro_file_replace_at(AT_FDCWD, path, whole, cut, 0600, 0);
        refused += open_code(&error) == PYRO_ERROR_STORE_CORRUPT;
    }
    is_int(refused, tried, "every cut is found out");
    remove_store();
}

static void test_stale_log(void)
{
    struct pyro_error error;
    struct pyro_store *store;
    struct pyro_vm_record record = make_record("vm-old", 1), *records;
    size_t count = 1;
    pyro_store_open(home, &store, &error);
    pyro_store_vm_insert(store, &record, 0, &error);
    pyro_store_close(store);
    unlink(path);
    is_int(pyro_store_open(home, &store, &error), 0, "a store without its file is made anew");
    pyro_store_vm_list(store, &records, &count, &error);
    is_int(count, 0, "the old log is not replayed into it");
    pyro_store_vms_free(records, count);
    pyro_store_close(store);
}

static int work(int number)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_vm_change change = {.state = "started"};
    for (int i = 0; i < 40; i++) {
        char id[PYRO_VM_ID_SIZE];
        snprintf(id, sizeof(id), "vm-%d-%d", number, i);
        struct pyro_vm_record record = make_record(id, i), got;
        struct pyro_store *store;
        if (pyro_store_open(home, &store, &error) < 0 ||
            pyro_store_vm_insert(store, &record, 0, &error) < 0 ||
            pyro_store_vm_update(store, id, &change, &error) < 0 ||
            pyro_store_vm_get(store, id, &got, &error) < 0 ||
            pyro_store_vm_delete(store, id, NULL, &error) < 0) {
            printf("# process %d: %s\n", number, error.message);
            return 1;
        }
        pyro_vm_record_finish(&got);
        pyro_store_close(store);
    }
    return 0;
}

/* As another program would read: no busy timeout, so any lock that it meets is an error. (Some
 * process of ours has the store open all the time, as every running VM has.) */
static int read_plainly(void)
{
    int failed = 0;
    for (int i = 0; i < 400; i++) {
        sqlite3 *database;
        int result = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL);
        if (result == SQLITE_OK)
            result = sqlite3_exec(database, "SELECT * FROM vms", NULL, NULL, NULL);
        if (result != SQLITE_OK) {
            printf("# reader: %s\n", sqlite3_errmsg(database));
            failed = 1;
        }
        sqlite3_close(database);
    }
    return failed;
}

/* Has the store open until it is killed, and says so in the pipe. */
static int hold(int said)
{
    struct pyro_error error;
    struct pyro_store *held;
    int r = pyro_store_open(home, &held, &error);
    if (r == 0 && write(said, "", 1) == 1)
        pause();
    return 1;
}

/* Of NULL: of a store that is opened for it. */
static int count_rows(struct pyro_store *store)
{
    struct pyro_error error;
    struct pyro_vm_record *records;
    struct pyro_store *opened = NULL;
    size_t count = 0;
    if (!store)
        pyro_store_open(home, &opened, &error);
    if (pyro_store_vm_list(store ? store : opened, &records, &count, &error) < 0)
        return -1;
    pyro_store_vms_free(records, count);
    pyro_store_close(opened);
    return (int)count;
}

static void test_many_processes(void)
{
    enum { WRITERS = 10 };
    remove_store();
    int said[2];
    char byte;
    pid_t children[WRITERS + 1], holder;
    for (int i = 0; i < WRITERS; i++) {
        if ((children[i] = fork()) == 0)
            _exit(work(i));
    }
    /* The reader needs a store; ten first starts at once are being tried at the same time. */
    ok(pipe(said) == 0, "a pipe");
    if ((holder = fork()) == 0)
        _exit(hold(said[1]));
    close(said[1]);
    is_int(read(said[0], &byte, 1), 1, "an eleventh first start");
    if ((children[WRITERS] = fork()) == 0)
        _exit(read_plainly());
    int failed = 0;
    for (int i = 0; i <= WRITERS; i++) {
        int status;
        waitpid(children[i], &status, 0);
        failed += status != 0;
    }
    is_int(failed, 0, "ten writers and a reader never meet a lock");
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    close(said[0]);
    is_int(count_rows(NULL), 0, "nothing is left");
}

/* Of a store that was open when this process was copied. */
static int work_in_copy(struct pyro_store *store)
{
    struct pyro_error error;
    struct pyro_vm_record record = make_record("vm-copy", 1);
    int r = pyro_store_vm_insert(store, &record, 0, &error);
    int count = count_rows(store);
    pyro_store_close(store);
    return r == 0 && count == 1 ? 0 : 1;
}

static void test_fork(void)
{
    struct pyro_error error;
    struct pyro_store *store;
    int status = -1;
    is_int(pyro_store_open(home, &store, &error), 0, "a store is open");
    is_int(count_rows(store), 0, "with nothing in it");
    pid_t copy = fork();
    if (copy == 0)
        _exit(work_in_copy(store));
    waitpid(copy, &status, 0);
    is_int(status, 0, "a copy of the process writes");
    is_int(count_rows(store), 1, "the process itself reads that");
    pyro_store_close(store);
}

/* Another program holds the store's write lock. */
static sqlite3 *begin_elsewhere(void)
{
    sqlite3 *database = NULL;
    is_int(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK,
           "another program opens it");
    is_int(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK,
           "and holds its lock");
    return database;
}

static void *end_elsewhere(void *database)
{
    usleep(300 * 1000);
    sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    return NULL;
}

static void test_cancelled_wait(void)
{
    struct pyro_error error;
    struct pyro_store *store;
    struct pyro_vm_record record = make_record("vm-wait", 1), other = make_record("vm-more", 1);
    int cancelled = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;
    is_int(pyro_store_open(home, &store, &error), 0, "a store is open");
    sqlite3 *holder = begin_elsewhere();
    {
        cleanup_lock_patience int before = pyro_lock_patience_begin(cancelled);
        pthread_create(&thread, NULL, end_elsewhere, holder);
        is_int(pyro_store_vm_insert(store, &record, 0, &error), 0, "a write waits for the lock");
        pthread_join(thread, NULL);
        sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        eventfd_write(cancelled, 1);
        is_int(pyro_store_vm_insert(store, &other, 0, &error), -1, "but not when it is cancelled");
        is_int(error.code, PYRO_ERROR_CANCELLED, "and says that");
        sqlite3_exec(holder, "COMMIT", NULL, NULL, NULL);
        is_int(pyro_store_vm_insert(store, &other, 0, &error), 0,
               "what needs no waiting can still be put away");
    }
    sqlite3_close(holder);
    close(cancelled);
    pyro_store_close(store);
}

int main(void)
{
    if (!mkdtemp(home))
        return 1;
    snprintf(path, sizeof(path), "%s/store.sqlite", home);
    snprintf(log_path, sizeof(log_path), "%s-wal", path);
    test_round_trip();
    test_other_files();
    test_truncated();
    test_stale_log();
    test_many_processes();
    test_fork();
    test_cancelled_wait();
    pyro_tree_remove_at(AT_FDCWD, home);
    return tap_done();
}
