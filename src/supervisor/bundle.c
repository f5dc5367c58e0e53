#include "supervisor/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/detach.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/text.h"
#include "base/wait.h"
#include "vm/host_cache.h"

enum { ID_DIGITS = 32 };

int pyro_vm_id_make(char ret_vm_id[PYRO_VM_ID_SIZE])
{
    uint8_t random[ID_DIGITS / 2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    char *at = stpcpy(ret_vm_id, "vm-");
    for (size_t i = 0; i < sizeof(random); i++)
        at += sprintf(at, "%02x", random[i]);
    return 0;
}

bool pyro_vm_id_is_valid(const char *vm_id)
{
    return strncmp(vm_id, "vm-", 3) == 0 && strlen(vm_id) == 3 + ID_DIGITS &&
           strspn(vm_id + 3, "0123456789abcdef") == ID_DIGITS;
}

void pyro_workspace_id_of(const char *vm_id, char ret_workspace_id[PYRO_VM_ID_SIZE])
{
    snprintf(ret_workspace_id, PYRO_VM_ID_SIZE, "ws-%s", vm_id + 3);
}

bool pyro_workspace_vm_id(const char *workspace_id, char ret_vm_id[PYRO_VM_ID_SIZE])
{
    if (strncmp(workspace_id, "ws-", 3) != 0 || strlen(workspace_id) != 3 + ID_DIGITS)
        return false;
    snprintf(ret_vm_id, PYRO_VM_ID_SIZE, "vm-%s", workspace_id + 3);
    return pyro_vm_id_is_valid(ret_vm_id);
}

/* The directory of all bundles. Makers hold it LOCK_SH between mkdir and flock, the sweeper holds
 * it LOCK_EX, so that a bundle is never seen without its lock. */
static int open_rooms(const struct pyro_home *home, int operation)
{
    cleanup_close int rooms = openat(home->directory_fd, "vms", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rooms < 0)
        return -errno;
    int r = operation ? pyro_flock(rooms, operation) : 0;
    return r < 0 ? r : steal_fd(&rooms);
}

static int take_lock(int directory, int flags)
{
    cleanup_close int lock =
        openat(directory, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    return steal_fd(&lock);
}

int pyro_bundle_lock(int directory)
{
    return take_lock(directory, O_CREAT);
}

static int make_locked(const struct pyro_home *home, const char *vm_id, int *ret_directory,
                       int *ret_lock)
{
    cleanup_close int rooms = open_rooms(home, LOCK_SH);
    if (rooms < 0)
        return rooms;
    if (mkdirat(rooms, vm_id, 0700) < 0)
        return -errno;
    cleanup_close int directory = openat(rooms, vm_id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int lock = directory < 0 ? -errno : pyro_bundle_lock(directory);
    if (lock < 0) {
        int r = lock;
        pyro_tree_remove_at(rooms, vm_id);
        return r;
    }
    *ret_directory = steal_fd(&directory);
    *ret_lock = steal_fd(&lock);
    return 0;
}

int pyro_bundle_create(const struct pyro_home *home, const char *vm_id, int *ret_directory,
                       int *ret_lock, struct pyro_error *error)
{
    int r = make_locked(home, vm_id, ret_directory, ret_lock);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot make the directory of a new VM in %s/vms", home->path);
    return 0;
}

static int open_bundle(const struct pyro_home *home, const char *vm_id)
{
    char path[sizeof("vms/") + PYRO_VM_ID_SIZE];
    if (!pyro_vm_id_is_valid(vm_id))
        return -ENOENT;
    snprintf(path, sizeof(path), "vms/%s", vm_id);
    int directory =
        openat(home->directory_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

int pyro_bundle_open(const struct pyro_home *home, const char *vm_id, int *ret_directory,
                     struct pyro_error *error)
{
    int directory = open_bundle(home, vm_id);
    if (directory < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_UNKNOWN_VM, directory,
                                    "cannot open the directory of %s", vm_id);
    *ret_directory = directory;
    return 0;
}

/* Whoever only looks makes no lock: the directory may be being removed. */
static int lock_bundle(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int directory = open_bundle(home, vm_id);
    return directory < 0 ? -ENOENT : take_lock(directory, 0);
}

bool pyro_bundle_is_live(const struct pyro_home *home, const char *vm_id)
{
    cleanup_close int lock = lock_bundle(home, vm_id);
    return lock == -EWOULDBLOCK;
}

int pyro_bundle_remove(const struct pyro_home *home, const char *vm_id)
{
    if (!pyro_vm_id_is_valid(vm_id))
        return -EINVAL;
    cleanup_close int rooms = open_rooms(home, 0);
    return rooms < 0 ? rooms : pyro_tree_remove_at(rooms, vm_id);
}

/* On disk; what is in it has no directories of size. */
static uint64_t used_bytes(int directory)
{
    uint64_t bytes = 0;
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    struct stat status;
    if (!stream) {
        if (copy >= 0)
            close(copy);
        return 0;
    }
    while ((entry = readdir(stream))) {
        if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            bytes += (uint64_t)status.st_blocks * 512;
    }
    closedir(stream);
    return bytes;
}

struct removal {
    const struct pyro_home *home;
    const char *vm_id;
};

static void remove_detached(void *userdata)
{
    const struct removal *removal = userdata;
    pyro_bundle_remove(removal->home, removal->vm_id);
}

int pyro_bundle_remove_patiently(const struct pyro_home *home, const char *vm_id)
{
    enum { LARGE_BYTES = 64 << 20 }; /* less is removed faster than a process is made */
    struct removal removal = {home, vm_id};
    struct pyro_lock_wait wait = {0};
    cleanup_close int directory = open_bundle(home, vm_id);
    if (directory < 0 || used_bytes(directory) < LARGE_BYTES)
        return pyro_bundle_remove(home, vm_id);
    cleanup_close int lock = take_lock(directory, 0); /* so that nobody else tidies it up */
    const int keep[] = {home->directory_fd, lock};
    cleanup_close int ended = pyro_detach(remove_detached, &removal, keep, lock < 0 ? 1 : 2);
    while (ended >= 0 && !pyro_fd_is_readable(ended)) {
        if (!pyro_lock_wait_step(&wait))
            return 0;
    }
    return pyro_bundle_remove(home, vm_id); /* nothing is there, or it is told why */
}

int pyro_bundle_log_directory(const char *vm_id)
{
    const char *set = getenv("PYRO_LOG_DIR");
    if (!set || !*set)
        return -ENOENT;
    cleanup_free char *path = pyro_text_format("%s/%s", set, vm_id);
    int r = path ? pyro_directory_make(path) : -ENOMEM;
    if (r < 0)
        return r;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

/* A workspace that nobody stopped: its supervisor was killed, or the host went down with it. Its
 * memory is of no use any more. */
static int reconcile_workspace(const struct pyro_home *home, struct pyro_store *store,
                               const struct pyro_vm_record *record, const char *boot_id,
                               struct pyro_error *error)
{
    cleanup_close int directory = open_bundle(home, record->vm_id);
    bool same_boot = record->host_boot_id && strcmp(record->host_boot_id, boot_id) == 0;
    const struct pyro_vm_change failed = {.state = "failed",
                                          .failure = "its supervisor was killed"};
    const struct pyro_vm_change stopped = {.state = "stopped", .failure = "the host was restarted"};
    if (directory >= 0)
        unlinkat(directory, "ram", 0);
    int r = pyro_store_commands_lose(store, record->vm_id, error);
    return r < 0
               ? r
               : pyro_store_vm_update(store, record->vm_id, same_boot ? &failed : &stopped, error);
}

static int reconcile_row(const struct pyro_home *home, struct pyro_store *store,
                         const struct pyro_vm_record *record, struct pyro_error *error)
{
    static const struct pyro_vm_change stopped = {.state = "stopped"};
    bool is_started = strcmp(record->state, "started") == 0;
    if (!record->one_shot && !is_started)
        return 0;
    /* Held to the end, so that nobody starts the VM while it is written down as stopped. */
    cleanup_close int lock = lock_bundle(home, record->vm_id);
    if (lock == -EWOULDBLOCK)
        return 0;
    if (!record->one_shot && record->seed_json) {
        cleanup_free char *boot_id = pyro_host_boot_id();
        return reconcile_workspace(home, store, record, boot_id ? boot_id : "", error);
    }
    if (!record->one_shot)
        return pyro_store_vm_update(store, record->vm_id, &stopped, error);
    pyro_bundle_remove(home, record->vm_id);
    return pyro_store_vm_delete(store, record->vm_id, NULL, error);
}

/* Directories that no row speaks of and nobody holds: left by a power cut before the row was made.
 */
static void sweep_orphans(const struct pyro_home *home, struct pyro_store *store)
{
    int rooms = open_rooms(home, LOCK_EX | LOCK_NB);
    DIR *stream = rooms < 0 ? NULL : fdopendir(rooms);
    if (!stream) {
        if (rooms >= 0)
            close(rooms);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(stream))) {
        struct pyro_vm_record record;
        struct pyro_error error;
        if (!pyro_vm_id_is_valid(entry->d_name) || pyro_bundle_is_live(home, entry->d_name))
            continue;
        if (pyro_store_vm_get(store, entry->d_name, &record, &error) == 0)
            pyro_vm_record_finish(&record);
        else if (error.code == PYRO_ERROR_UNKNOWN_VM)
            pyro_tree_remove_at(dirfd(stream), entry->d_name);
    }
    closedir(stream);
}

int pyro_bundle_reconcile(const struct pyro_home *home, struct pyro_store *store,
                          struct pyro_error *error)
{
    struct pyro_vm_record *records;
    size_t count;
    if (pyro_store_vm_list(store, &records, &count, error) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = reconcile_row(home, store, &records[i], error);
    pyro_store_vms_free(records, count);
    if (r == 0)
        sweep_orphans(home, store);
    return r;
}
