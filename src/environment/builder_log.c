#include "environment/builder_log.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"

enum {
    FILE_MAX = 1 << 20,
    MESSAGE_LINES = 6,
};

/* Lines that begin a step, and what people are told. */
static const struct {
    const char *start;
    const char *message;
} steps[] = {
    {"I: running apt-get update", "fetching the package lists"},
    {"I: downloading packages", "downloading the base system"},
    {"I: extracting archives", "unpacking the base system"},
    {"I: installing essential", "installing the base system"},
    {"I: installing remaining", "downloading and installing packages"},
    {"I: running --customize-hook", "downloading the kernel"},
    {"I: cleaning package lists", "cleaning up"},
    {"I: creating tarball", "packing the file system"},
};

static void remember(struct pyro_builder_log *log, const char *line, size_t length)
{
    size_t excess = log->tail_length + length + 1;
    excess = excess > PYRO_BUILDER_TAIL ? excess - PYRO_BUILDER_TAIL : 0;
    memmove(log->tail, log->tail + excess, log->tail_length - excess);
    log->tail_length -= excess;
    memcpy(log->tail + log->tail_length, line, length);
    log->tail_length += length;
    log->tail[log->tail_length++] = '\n';
    log->tail[log->tail_length] = '\0';
}

static void end_line(struct pyro_builder_log *log, struct pyro_pull *pull)
{
    log->line[log->line_length] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (strncmp(log->line, steps[i].start, strlen(steps[i].start)) == 0)
            pyro_pull_phase(pull, "packages", steps[i].message);
    }
    if (log->line_length > 0)
        remember(log, log->line, log->line_length);
    log->line_length = 0;
}

void pyro_builder_log_feed(struct pyro_builder_log *log, struct pyro_pull *pull, const char *bytes,
                           size_t size)
{
    size_t keep = MIN(size, FILE_MAX - log->kept_bytes);
    pyro_fd_write_all(log->fd, bytes, keep);
    log->kept_bytes += keep;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r')
            end_line(log, pull);
        else if (log->line_length < sizeof(log->line) - 1)
            log->line[log->line_length++] = bytes[i];
    }
}

/* The last few lines. */
static const char *last_words(const struct pyro_builder_log *log)
{
    const char *at = log->tail + log->tail_length;
    for (int lines = 0; at > log->tail; at--) {
        if (at[-1] == '\n' && lines++ == MESSAGE_LINES)
            break;
    }
    return at;
}

static bool speaks_of(const struct pyro_builder_log *log, const char *const *words)
{
    for (; *words; words++) {
        if (strstr(log->tail, *words))
            return true;
    }
    return false;
}

int pyro_builder_log_explain(const struct pyro_builder_log *log, const struct pyro_pull *pull,
                             const char *how, struct pyro_error *error)
{
    static const char *const disk[] = {"No space left on device", "Disk quota exceeded",
                                       "don't have enough free space", NULL};
    static const char *const network[] = {"Could not resolve",    "Temporary failure resolving",
                                          "Could not connect",    "Unable to connect",
                                          "Connection timed out", "Connection failed",
                                          "Failed to fetch",      NULL};
    const char *name = pull->environment->name;
    if (speaks_of(log, disk))
        return pyro_error_set_errno(error, PYRO_ERROR_DISK_FULL, ENOSPC, "pulling %s", name);
    pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "pulling %s: mmdebstrap %s:\n%s", name, how,
                   last_words(log));
    if (speaks_of(log, network))
        return pyro_error_hint(error,
                               "the package mirror cannot be reached: check the network and "
                               "http_proxy, then `pyro env pull %s` again",
                               name);
    return pyro_error_hint(error, "`pyro doctor` checks what building needs");
}
