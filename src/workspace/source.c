/* Opening a source, and what directories and archives have in common: limits, errors, and the TIMES
 * at the end. */
#include "workspace/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/text.h"
#include "workspace/show.h"
#include "workspace/source_kind.h"

/* ---- opening ---- */

static bool has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), ending_length = strlen(ending);
    return length >= ending_length && strcmp(path + length - ending_length, ending) == 0;
}

static bool is_archive_name(const char *path)
{
    return has_ending(path, ".tar") || has_ending(path, ".tar.gz") || has_ending(path, ".tgz");
}

PYRO_PRINTF(4, 5)
static int refuse_path(const char *path, const char *field, struct pyro_error *error,
                       const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%s: %s", pyro_show_path(path).text,
                   reason);
    pyro_error_hint(error, "give a directory, or a file named *.tar, *.tar.gz or *.tgz");
    return pyro_error_field(error, field);
}

static int refuse_open(const char *path, const char *field, int errnum, struct pyro_error *error)
{
    if (errnum == ENOENT) {
        pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "there is nothing at %s",
                       pyro_show_path(path).text);
        pyro_error_hint(error, "give a directory, or a file named *.tar, *.tar.gz or *.tgz");
        if (error)
            error->errnum = ENOENT;
    } else {
        pyro_error_set_errno(error, PYRO_ERROR_INVALID_PARAMETER, errnum, "cannot open %s",
                             pyro_show_path(path).text);
        pyro_error_hint(error, "see that you may read it");
    }
    return pyro_error_field(error, field);
}

/* Opens what is at `place`, and called `path`, when it is of a kind that can be a source: nothing
 * happens to devices and pipes. */
static int open_path(const char *place, const char *path, const char *field, mode_t *ret_type,
                     struct pyro_error *error)
{
    struct stat status;
    if (*path == '\0')
        return refuse_path(path, field, error, "the path is empty");
    if (stat(place, &status) < 0)
        return refuse_open(path, field, errno, error);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return refuse_path(path, field, error, "neither a directory nor an archive");
    if (S_ISREG(status.st_mode) && !is_archive_name(path))
        return refuse_path(path, field, error, "a file, and not named as an archive");
    *ret_type = status.st_mode & S_IFMT;
    /* Somebody may have put a pipe there by now: it must not hold us up. */
    cleanup_close int fd = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0)
        return refuse_open(path, field, errno, error);
    if ((status.st_mode & S_IFMT) != *ret_type)
        return refuse_path(path, field, error, "it was replaced while it was opened");
    return steal_fd(&fd);
}

static int open_source(const struct pyro_home *home, const char *place, const char *path,
                       const char *field, struct pyro_tree_source **ret_source,
                       struct pyro_error *error)
{
    mode_t type = 0;
    int fd = open_path(place, path, field, &type, error);
    if (fd < 0)
        return -1;
    if (S_ISDIR(type))
        return pyro_source_directory_open(fd, path, field, ret_source, error);
    return pyro_source_archive_open(home, fd, path, field, ret_source, error);
}

int pyro_tree_source_open(const struct pyro_home *home, const char *path, const char *field,
                          struct pyro_tree_source **ret_source, struct pyro_error *error)
{
    return open_source(home, path, path, field, ret_source, error);
}

int pyro_tree_source_open_held(const struct pyro_home *home, int held, const char *path,
                               const char *field, struct pyro_tree_source **ret_source,
                               struct pyro_error *error)
{
    char place[32];
    snprintf(place, sizeof(place), "/proc/self/fd/%d", held);
    return open_source(home, place, path, field, ret_source, error);
}

int pyro_source_init(struct pyro_tree_source *source, const struct pyro_tree_source_kind *kind,
                     const char *given, const char *field, struct pyro_error *error)
{
    source->kind = kind;
    snprintf(source->field, sizeof(source->field), "%s", field);
    source->given = strdup(given);
    if (!source->given || pyro_directories_init(&source->directories) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

void pyro_tree_source_close(struct pyro_tree_source *source)
{
    if (!source)
        return;
    source->kind->finish(source);
    pyro_directories_finish(&source->directories);
    json_decref(source->left_out);
    free(source->given);
    free(source);
}

const char *pyro_tree_source_mode(const struct pyro_tree_source *source)
{
    return source->kind->mode;
}

void pyro_tree_source_leave_out(struct pyro_tree_source *source, const char *const *names)
{
    source->names_to_leave_out = names;
}

json_t *pyro_tree_source_left_out(const struct pyro_tree_source *source)
{
    return source->left_out;
}

/* ---- records ---- */

static int count(struct pyro_tree_source *source, const struct pyro_tree_record *record,
                 struct pyro_error *error)
{
    if (record->type == PYRO_TREE_ENTRY) {
        source->entry_count++;
        source->size_bytes += record->entry.size;
    } else if (record->type == PYRO_TREE_DATA) {
        source->data_bytes += record->data.size;
    }
    if (source->entry_count > PYRO_SOURCE_ENTRIES_MAX)
        return pyro_source_too_much(source, "1000000 entries", error);
    if (source->data_bytes > PYRO_SOURCE_BYTES_MAX)
        return pyro_source_too_much(source, "16 GiB of data", error);
    if (source->size_bytes > PYRO_SOURCE_SIZE_MAX)
        return pyro_source_too_much(source, "256 GiB, holes counted", error);
    return 1;
}

/* The last directory is never around another one that is still to come. */
static int next_times(struct pyro_tree_source *source, struct pyro_tree_record *record,
                      struct pyro_error *error)
{
    if (source->times_left <= PYRO_DIRECTORY_ROOT + 1)
        return 0;
    uint32_t index = (uint32_t)--source->times_left;
    const struct pyro_directory *directory = &source->directories.items[index];
    if (pyro_directories_path(&source->directories, index, "", source->path) < 0)
        return pyro_error_set(error, PYRO_ERROR_INTERNAL, "a directory's path grew");
    record->type = PYRO_TREE_TIMES;
    record->times = (struct pyro_tree_times){
        .path = source->path, .mode = directory->mode, .mtime_ns = directory->mtime_ns};
    return 1;
}

int pyro_tree_source_next(struct pyro_tree_source *source, struct pyro_tree_record *ret_record,
                          struct pyro_error *error)
{
    *ret_record = (struct pyro_tree_record){0};
    if (source->is_listed)
        return next_times(source, ret_record, error);
    int r = source->kind->next(source, ret_record, error);
    if (r > 0)
        return count(source, ret_record, error);
    if (r < 0)
        return -1;
    source->is_listed = true;
    source->times_left = source->directories.count;
    return next_times(source, ret_record, error);
}

/* ---- for the kinds ---- */

static bool is_to_be_left_out(const struct pyro_tree_source *source, const char *name)
{
    const char *const *at = source->names_to_leave_out;
    while (at && *at && strcmp(*at, name) != 0)
        at++;
    return at && *at;
}

bool pyro_source_leaves_out(struct pyro_tree_source *source, const char *name)
{
    enum { NOTED = 100 };
    if (!is_to_be_left_out(source, name))
        return false;
    cleanup_free char *path = pyro_text_to_utf8(source->path, strlen(source->path), NULL);
    if (!source->left_out)
        source->left_out = json_array();
    if (path && json_array_size(source->left_out) < NOTED)
        json_array_append_new(source->left_out, json_string(path));
    return true;
}

/* "cannot push 'GIVEN': 'PATH': REASON" */
static int set_error(const struct pyro_tree_source *source, enum pyro_error_code code,
                     const char *reason, struct pyro_error *error)
{
    const char *path = source->path;
    pyro_error_set(error, code, "cannot push %s: %s%s%s", pyro_show_path(source->given).text,
                   *path ? pyro_show_path(path).text : "", *path ? ": " : "", reason);
    return pyro_error_field(error, source->field);
}

int pyro_source_refuse(const struct pyro_tree_source *source, struct pyro_error *error,
                       const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return set_error(source, PYRO_ERROR_INVALID_PARAMETER, reason, error);
}

int pyro_source_too_much(const struct pyro_tree_source *source, const char *limit,
                         struct pyro_error *error)
{
    pyro_source_refuse(source, error, "up to here it holds more than %s", limit);
    return pyro_error_hint(error, "push a part of it, or leave out what the guest can make itself");
}

int pyro_source_changed(const struct pyro_tree_source *source, struct pyro_error *error)
{
    set_error(source, PYRO_ERROR_SOURCE_CHANGED, "changed while it was read", error);
    return pyro_error_hint(error, "try again when nothing writes there");
}

int pyro_source_unreadable(const struct pyro_tree_source *source, int errnum,
                           struct pyro_error *error)
{
    bool is_mine = errnum == EACCES || errnum == EPERM;
    const char *path = source->path;
    pyro_error_set_errno(error, is_mine ? PYRO_ERROR_INVALID_PARAMETER : PYRO_ERROR_SYSTEM, errnum,
                         "cannot push %s: %s%scannot be read", pyro_show_path(source->given).text,
                         *path ? pyro_show_path(path).text : "it", *path ? ": " : " ");
    pyro_error_field(error, source->field);
    if (is_mine)
        pyro_error_hint(error, "make it readable for you, or move it out of the way");
    return -1;
}

int64_t pyro_source_time_ns(int64_t seconds, long nanoseconds)
{
    int64_t time_ns;
    if (__builtin_mul_overflow(seconds, 1000000000, &time_ns) ||
        __builtin_add_overflow(time_ns, nanoseconds, &time_ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return time_ns;
}
