#include "supervisor/session_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"

enum { RECORD_BYTES_MAX = 1024 * 1024 };

static const char *const rooms[] = {
    [PYRO_SESSION_SERVICE] = "services", [PYRO_SESSION_SHELL] = "shells"};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool pyro_session_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= PYRO_SESSION_NAME_SIZE || !is_plain(name[0]))
        return false;
    for (const char *at = name; *at; at++) {
        if (!is_plain(*at) && !strchr("._-", *at))
            return false;
    }
    return true;
}

static int open_directory(int parent, const char *name, bool make)
{
    if (make && mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int pyro_session_open(int bundle, enum pyro_session_kind kind, const char *name, bool make)
{
    if (!pyro_session_name_is_valid(name))
        return -ENOENT;
    cleanup_close int room = open_directory(bundle, rooms[kind], make);
    return room < 0 ? room : open_directory(room, name, make);
}

json_t *pyro_session_read(int directory, int *ret_errno)
{
    json_t *record = pyro_json_file_read_at(directory, "record.json", RECORD_BYTES_MAX, ret_errno);
    if (record && !json_is_object(record)) {
        *ret_errno = -EBADMSG;
        json_decref(steal_pointer(&record));
    }
    return record;
}

bool pyro_session_is_running(const json_t *record)
{
    const char *state = pyro_json_text(record, "state", "");
    return strcmp(state, "running") == 0 || strcmp(state, "starting") == 0;
}

/* By number where both have one: sh-9 comes before sh-10. */
static int compare(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static json_t *sorted(char **names, size_t count)
{
    json_t *list = json_array();
    qsort(names, count, sizeof(*names), compare);
    for (size_t i = 0; list && i < count; i++) {
        if (json_array_append_new(list, json_string(names[i])) < 0)
            json_decref(steal_pointer(&list));
    }
    return list;
}

json_t *pyro_session_list(int bundle, enum pyro_session_kind kind)
{
    int room = open_directory(bundle, rooms[kind], false);
    DIR *stream = room < 0 ? NULL : fdopendir(room);
    struct dirent *entry;
    char **names = NULL, **larger;
    size_t count = 0;
    if (!stream) {
        if (room >= 0)
            close(room);
        return json_array();
    }
    while ((entry = readdir(stream))) {
        if (!pyro_session_name_is_valid(entry->d_name))
            continue;
        if (!(larger = reallocarray(names, count + 1, sizeof(*names))))
            break;
        names = larger;
        if (!(names[count] = strdup(entry->d_name)))
            break;
        count++;
    }
    json_t *list = entry ? NULL : sorted(names, count);
    closedir(stream);
    while (count > 0)
        free(names[--count]);
    free(names);
    return list;
}

void pyro_session_lose(json_t *record)
{
    json_object_set_new(record, "state", json_string("stopped"));
    json_object_set_new(record, "stop_reason", json_string("its guest ended first"));
    json_object_set_new(record, "ended_at", json_null());
}

void pyro_session_remove(int bundle, enum pyro_session_kind kind, const char *name)
{
    cleanup_close int room = open_directory(bundle, rooms[kind], false);
    if (room >= 0 && pyro_session_name_is_valid(name))
        pyro_tree_remove_at(room, name);
}
