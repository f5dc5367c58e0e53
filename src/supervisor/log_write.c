/* The writing end of a log: segments are begun, filled and dropped here, and nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/log.h"
#include "supervisor/log_segment.h"

enum {
    SEGMENT_LEAST = 4096, /* bytes */
    SEGMENTS_KEPT = 8,    /* so many make up what is kept, when that is not too little */
    PIECE = 64 * 1024,    /* text is made UTF-8 in pieces of so many bytes */
};

static const uint64_t keep_most = (uint64_t)SEGMENTS_KEPT * LOG_SEGMENT_MOST;

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static int remove_all(int directory, const char *name)
{
    struct log_segments segments;
    do {
        int r = log_segments_list(directory, name, &segments);
        for (size_t i = 0; r == 0 && i < segments.count; i++)
            r = pyro_tree_remove_at(directory, log_segment_name(name, segments.positions[i]).text);
        if (r < 0)
            return r;
    } while (segments.count == LOG_SEGMENTS_LISTED);
    return 0;
}

int pyro_log_writer_init(struct pyro_log_writer *writer, int directory, const char *name,
                         enum pyro_log_unit unit, uint64_t keep)
{
    if (*name == '\0' || strlen(name) >= PYRO_LOG_NAME_SIZE || strchr(name, '/'))
        return -EINVAL;
    *writer = (struct pyro_log_writer){.directory = directory, .unit = unit, .fd = -1};
    strcpy(writer->name, name);
    writer->keep = MIN(MAX(keep, (uint64_t)SEGMENT_LEAST), keep_most);
    /* A whole number of segments, or more would be kept than promised. */
    uint64_t segments = MIN(writer->keep / SEGMENT_LEAST, (uint64_t)SEGMENTS_KEPT);
    writer->segment_most = (writer->keep + segments - 1) / segments;
    return remove_all(directory, name);
}

static uint64_t count_units(const struct pyro_log_writer *writer, const char *text, size_t size)
{
    return writer->unit == PYRO_LOG_BYTES ? size : pyro_text_count(text, size);
}

static void close_segment(struct pyro_log_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = -1;
}

/* What an owner made larger counts no more than a segment can be: no overflow. */
static uint64_t size_of(const struct pyro_log_writer *writer, uint64_t position)
{
    struct stat status;
    struct log_file_name file = log_segment_name(writer->name, position);
    if (fstatat(writer->directory, file.text, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return MIN((uint64_t)status.st_size, (uint64_t)LOG_SEGMENT_CAP);
}

/* Makes room for one more. Those go without which enough is left, and those that are too many. */
static void drop_oldest(const struct pyro_log_writer *writer)
{
    struct log_segments segments;
    uint64_t sizes[LOG_SEGMENTS_LISTED], total = 0;
    if (log_segments_list(writer->directory, writer->name, &segments) < 0)
        return;
    for (size_t i = 0; i < segments.count; i++)
        total += sizes[i] = size_of(writer, segments.positions[i]);
    for (size_t i = 0; i < segments.count; i++) {
        if (total - sizes[i] < writer->keep && segments.count - i < LOG_SEGMENTS_MOST)
            return;
        total -= sizes[i];
        unlinkat(writer->directory, log_segment_name(writer->name, segments.positions[i]).text, 0);
    }
}

static int begin_segment(struct pyro_log_writer *writer)
{
    close_segment(writer);
    drop_oldest(writer);
    struct log_file_name file = log_segment_name(writer->name, writer->position);
    writer->fd = openat(writer->directory, file.text,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    writer->segment_bytes = 0;
    return writer->fd < 0 ? -errno : 0;
}

/* How much of the text goes into the newest segment: characters stay whole, so a segment is never
 * smaller than it should be and at most 3 bytes larger. */
static size_t room_for(const struct pyro_log_writer *writer, const char *text, size_t size)
{
    size_t room = (size_t)MIN(writer->segment_most - writer->segment_bytes, (uint64_t)size);
    while (writer->unit == PYRO_LOG_CHARACTERS && room < size && (text[room] & 0xc0) == 0x80)
        room++;
    return room;
}

/* Returns how many bytes got into the file; fewer than `size` when the disk took no more. */
static size_t put(const struct pyro_log_writer *writer, const char *text, size_t size)
{
    size_t done = 0;
    while (done < size) {
        off_t offset = (off_t)(writer->segment_bytes + done);
        ssize_t got = pwrite(writer->fd, text + done, size - done, offset);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            break;
    }
    return done;
}

/* The newest segment takes no more: the next write begins one that shows the gap. Whole units that
 * got into it stay, for a reader may have seen them. */
static void give_up_segment(struct pyro_log_writer *writer)
{
    int r = ftruncate(writer->fd, (off_t)writer->segment_bytes);
    (void)r; /* readers leave out what is no whole character at the end */
    close_segment(writer);
}

/* Returns how many bytes of the text are kept. */
static size_t put_units(struct pyro_log_writer *writer, const char *text, size_t size)
{
    uint64_t before = writer->position;
    size_t done = put(writer, text, size);
    if (done < size && writer->unit == PYRO_LOG_CHARACTERS)
        done -= pyro_text_unfinished(text, done);
    writer->segment_bytes += done;
    writer->position += count_units(writer, text, done);
    if (done < size)
        give_up_segment(writer);
    /* Or a full disk would gather empty ones. */
    if (writer->segment_bytes == 0)
        unlinkat(writer->directory, log_segment_name(writer->name, before).text, 0);
    return done;
}

static void append(struct pyro_log_writer *writer, const char *text, size_t size)
{
    while (size > 0) {
        if ((writer->fd < 0 || writer->segment_bytes >= writer->segment_most) &&
            begin_segment(writer) < 0)
            break;
        size_t wanted = room_for(writer, text, size), done = put_units(writer, text, wanted);
        text += done;
        size -= done;
        if (done < wanted)
            break;
    }
    writer->position += count_units(writer, text, size); /* lost */
}

/* Completes the character that the last write began, and returns how many bytes that took. */
static size_t write_carry(struct pyro_log_writer *writer, const char *bytes, size_t size)
{
    size_t used = 0;
    while (writer->carry_size > 0 && used < size) {
        writer->carry[writer->carry_size] = (uint8_t)bytes[used];
        size_t with = writer->carry_size + 1;
        if (pyro_text_unfinished(writer->carry, with) == with) {
            writer->carry_size = with;
            used++;
            continue;
        }
        /* Either whole, or broken by a byte that belongs to what follows. */
        bool whole = pyro_text_valid(writer->carry, with) == with;
        writer->carry_size = 0;
        used += whole;
        if (whole)
            append(writer, (const char *)writer->carry, with);
        else
            append(writer, replacement, strlen(replacement));
    }
    return used;
}

static void write_text(struct pyro_log_writer *writer, const char *bytes, size_t size)
{
    size_t used = write_carry(writer, bytes, size);
    bytes += used;
    size -= used;
    if (size == 0)
        return;
    writer->carry_size = pyro_text_unfinished(bytes, size);
    size -= writer->carry_size;
    memcpy(writer->carry, bytes + size, writer->carry_size);
    if (pyro_text_valid(bytes, size) == size) {
        append(writer, bytes, size);
        return;
    }
    size_t text_size;
    cleanup_free char *text = pyro_text_to_utf8(bytes, size, &text_size);
    if (text) {
        append(writer, text, text_size);
    } else { /* about so many characters are lost */
        writer->position += size;
        close_segment(writer);
    }
}

void pyro_log_write(struct pyro_log_writer *writer, const void *bytes, size_t size)
{
    const char *at = bytes;
    if (writer->unit == PYRO_LOG_BYTES) {
        append(writer, at, size);
        return;
    }
    while (size > 0) {
        size_t piece = MIN(size, (size_t)PIECE);
        write_text(writer, at, piece);
        at += piece;
        size -= piece;
    }
}

void pyro_log_writer_finish(struct pyro_log_writer *writer)
{
    if (writer->carry_size > 0)
        append(writer, replacement, strlen(replacement));
    writer->carry_size = 0;
    close_segment(writer);
}
