#include "template/note.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "template/room.h"

enum { NOTE_MAX = 8 << 10, COUNT_MAX = 1000 };

static json_t *read_note(int templates, const char *name)
{
    cleanup_free char *path = pyro_text_format("%s.note", name);
    int r;
    return path ? pyro_json_file_read_at(templates, path, NOTE_MAX, &r) : NULL;
}

static void write_note(int templates, const char *name, const json_t *note)
{
    cleanup_free char *path = pyro_text_format("%s.note", name);
    if (path && note)
        pyro_json_file_replace_at(templates, path, note, 0);
}

static unsigned failures_of(const json_t *note)
{
    int64_t failures = pyro_json_integer(note, "failures", 0);
    return failures < 0 ? 0 : (unsigned)MIN(failures, (int64_t)COUNT_MAX);
}

static void write_reason(int templates, const char *name, const char *reason, unsigned failures,
                         double failed)
{
    cleanup_free char *valid = pyro_text_to_utf8(reason, strlen(reason), NULL);
    cleanup_json json_t *note = json_pack("{s:s, s:s, s:f, s:i, s:f, s:b}", "name", name, "reason",
                                          valid ? valid : "unknown", "at", pyro_wall_seconds(),
                                          "failures", (int)failures, "failed", failed, "unread", 1);
    write_note(templates, name, note);
}

void pyro_template_note(int templates, const char *name, const char *reason)
{
    cleanup_json json_t *note = read_note(templates, name);
    write_reason(templates, name, reason, failures_of(note), pyro_json_real(note, "failed", 0));
}

void pyro_template_note_failure(int templates, const char *name, const char *reason, double made_at)
{
    cleanup_json json_t *note = read_note(templates, name);
    bool known = made_at > 0 && pyro_json_real(note, "failed", 0) == made_at;
    write_reason(templates, name, reason, failures_of(note) + !known, made_at);
}

void pyro_template_note_success(int templates, const char *name)
{
    cleanup_json json_t *note = read_note(templates, name);
    if (failures_of(note) == 0)
        return;
    json_object_set_new(note, "failures", json_integer(0));
    write_note(templates, name, note);
}

unsigned pyro_template_failures(int templates, const char *name)
{
    cleanup_json json_t *note = read_note(templates, name);
    return failures_of(note);
}

bool pyro_template_has_failed(int templates, const char *name, double made_at)
{
    cleanup_json json_t *note = read_note(templates, name);
    return made_at > 0 && pyro_json_real(note, "failed", 0) == made_at;
}

json_t *pyro_template_notes_take(const struct pyro_home *home)
{
    json_t *notes = json_array();
    int templates = home->directory_fd < 0 ? -1 : pyro_templates_open(home);
    DIR *stream = templates < 0 ? NULL : fdopendir(templates);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".note") != 0)
            continue;
        *dot = '\0';
        cleanup_json json_t *note = read_note(dirfd(stream), entry->d_name);
        if (!pyro_json_boolean(note, "unread", false))
            continue;
        json_array_append_new(notes, json_copy(note));
        json_object_set_new(note, "unread", json_false());
        write_note(dirfd(stream), entry->d_name, note);
    }
    if (stream)
        closedir(stream);
    return notes;
}
