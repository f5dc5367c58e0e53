/* A workspace's history: each command has a row in the store before the guest hears of it, its
 * output lies in files of the bundle before the client hears of it, and its end is in the row
 * before anybody hears of that. What happens to a client changes nothing of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/supervisor.h"
#include "vm/host_cache.h"

/* What is kept of one stream; beyond that its bytes are only counted. */
#define LOG_BYTES_MAX ((uint64_t)1 << 30)

enum { NOTE_SECONDS = 1 }; /* a key that is typed is a use: not each is written down */

struct pyro_store *history_store(struct supervisor *supervisor)
{
    struct pyro_error error;
    if (!supervisor->store &&
        pyro_store_open(supervisor->home.path, &supervisor->store, &error) < 0) {
        fprintf(stderr, "pyro-supervisor: %s\n", error.message);
        supervisor->store = NULL;
    }
    return supervisor->store;
}

void history_use(struct supervisor *supervisor)
{
    const struct pyro_bundle_config *config = &supervisor->config;
    if (config->is_workspace)
        supervisor->config.expires_at =
            MAX(config->expires_at, pyro_wall_seconds() + (double)config->ttl_seconds);
}

void history_note_use(struct supervisor *supervisor)
{
    const double expires_at = supervisor->config.expires_at;
    const struct pyro_vm_change used = {.expires_at = expires_at};
    if (expires_at < supervisor->noted_expires_at + NOTE_SECONDS)
        return;
    struct pyro_store *store = history_store(supervisor);
    if (store && pyro_store_vm_update(store, supervisor->config.vm_id, &used, NULL) == 0)
        supervisor->noted_expires_at = expires_at;
}

/* What its author wrote: a string that was given to a shell, or words. To be freed. */
static char *display(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    bool is_string = count == 3 && strcmp(words[0], "/bin/sh") == 0 && strcmp(words[1], "-lc") == 0;
    cleanup_free char *joined =
        is_string ? strdup(words[2]) : pyro_text_shell_join((const char *const *)words, count);
    return joined ? pyro_text_to_utf8(joined, strlen(joined), NULL) : NULL;
}

int history_begin(struct supervisor *supervisor, struct history *history,
                  const struct pyro_exec *exec)
{
    struct pyro_store *store = history_store(supervisor);
    cleanup_free char *words = display(exec->arguments);
    cleanup_free char *cwd = pyro_text_to_utf8(exec->directory, strlen(exec->directory), NULL);
    if (!store || !words || !cwd)
        return store ? -ENOMEM : -EIO;
    const struct pyro_command_record record = {
        .command = words, .cwd = cwd, .started_at = pyro_wall_seconds()};
    struct pyro_error error;
    if (pyro_store_command_begin(store, supervisor->config.vm_id, &record, &history->sequence,
                                 &error) < 0) {
        fprintf(stderr, "pyro-supervisor: %s\n", error.message);
        return error.errnum ? -abs(error.errnum) : -EIO;
    }
    history->begun_us = pyro_now_us();
    history->logs[0] = history->logs[1] = -1;
    return 0;
}

static int open_log(const struct supervisor *supervisor, const struct history *history, int stream)
{
    char name[64];
    if (mkdirat(supervisor->directory, "commands", 0700) < 0 && errno != EEXIST)
        return -errno;
    snprintf(name, sizeof(name), "commands/%lld.%s", (long long)history->sequence,
             stream ? "stderr" : "stdout");
    int fd = openat(supervisor->directory, name,
                    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* A disk that is full costs the rest of this stream's log, never the command: the row says how many
 * bytes there were. */
void history_output(struct supervisor *supervisor, struct history *history,
                    enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    int stream = channel == PYRO_CHANNEL_STDERR;
    if (history->sequence == 0)
        return;
    if (history->bytes[stream] == 0)
        history->logs[stream] = open_log(supervisor, history, stream);
    history->bytes[stream] += size;
    if (history->logs[stream] < 0)
        return;
    if (history->bytes[stream] > LOG_BYTES_MAX ||
        pyro_fd_write_all(history->logs[stream], bytes, size) < 0)
        close(steal_fd(&history->logs[stream]));
}

static void finish(struct supervisor *supervisor, struct history *history,
                   struct pyro_command_record *record)
{
    struct pyro_store *store = history_store(supervisor);
    struct pyro_error error;
    for (size_t i = 0; i < ARRAY_SIZE(history->logs); i++) {
        if (history->logs[i] >= 0)
            close(steal_fd(&history->logs[i]));
    }
    record->sequence = history->sequence;
    record->stdout_bytes = (int64_t)history->bytes[0];
    record->stderr_bytes = (int64_t)history->bytes[1];
    if (store && pyro_store_command_end(store, supervisor->config.vm_id, record, &error) < 0)
        fprintf(stderr, "pyro-supervisor: %s\n", error.message);
    history->sequence = 0;
}

void history_end(struct supervisor *supervisor, struct history *history,
                 const struct pyro_exited *exited)
{
    struct pyro_command_record record = {
        .state = (char *)"exited",
        .has_exit_code = true,
        .exit_code = exited->timed_out ? PYRO_STATUS_TIMED_OUT : pyro_exited_status(exited),
        .timed_out = exited->timed_out,
        .duration_ms = (double)exited->duration_us / 1000};
    history_use(supervisor);
    if (history->sequence)
        finish(supervisor, history, &record);
}

void history_lose(struct supervisor *supervisor, struct history *history)
{
    struct pyro_command_record record = {
        .state = (char *)"lost", .duration_ms = (double)(pyro_now_us() - history->begun_us) / 1000};
    if (history->sequence)
        finish(supervisor, history, &record);
}

/* As it was written, because what is in use here may be a template's. */
static int write_kept_config(const struct supervisor *supervisor, struct pyro_error *error)
{
    struct pyro_bundle_config config;
    if (pyro_bundle_config_read(supervisor->directory, &config, error) < 0)
        return -1;
    config.one_shot = false;
    config.ttl_seconds = supervisor->config.ttl_seconds;
    config.expires_at = supervisor->config.expires_at;
    int r = pyro_bundle_config_write(supervisor->directory, &config, error);
    pyro_bundle_config_finish(&config);
    return r;
}

/* The row comes last: it decides what becomes of the workspace if we are killed between the two. */
int history_keep(struct supervisor *supervisor, const char *seed_json, struct pyro_error *error)
{
    struct pyro_store *store = history_store(supervisor);
    if (!store)
        return pyro_error_set(error, PYRO_ERROR_STORE_FAILED, "cannot open the store");
    cleanup_free char *boot_id = pyro_host_boot_id();
    history_use(supervisor);
    const struct pyro_vm_change kept = {.state = "started",
                                        .execution_mode = "guest",
                                        .boot_json = supervisor->boot_json,
                                        .seed_json = seed_json,
                                        .host_boot_id = boot_id,
                                        .expires_at = supervisor->config.expires_at,
                                        .keep = true};
    if (write_kept_config(supervisor, error) < 0 ||
        pyro_store_vm_update(store, supervisor->config.vm_id, &kept, error) < 0)
        return -1;
    supervisor->config.one_shot = false;
    return 0;
}
