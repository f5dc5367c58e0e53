/* Reads a part of a log. What is seen may be in the middle of a write, a listing in the middle
 * of a rotation, and a file edited by its owner. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/log.h"
#include "supervisor/log_segment.h"

/* One read. */
struct reading {
    struct pyro_log_reader *reader;
    uint64_t cursor, most, known_end;
    struct log_segments segments;
    uint64_t gap; /* position behind a gap that the listing before this one showed */
    struct pyro_log_part part;
    struct pyro_buffer text;
};

/* How much of a segment to pass over and to take, in units, and whether to count what follows. */
struct span {
    uint64_t skip, take;
    bool count_all;
    uint64_t offset; /* CHARACTERS: bytes that were looked through, before and after */
    uint64_t seen;   /* result: units that were found */
};

static int add_text(struct reading *reading, const uint8_t *bytes, size_t size)
{
    /* Only a file that was tampered with has characters so long; it still has to come to an end. */
    size = MIN(size, PYRO_LOG_PART_MOST - MIN(reading->text.size, (size_t)PYRO_LOG_PART_MOST));
    return size > 0 ? pyro_buffer_append(&reading->text, bytes, size) : 0;
}

static int take_from_block(struct reading *reading, const uint8_t *block, size_t size,
                           struct span *span)
{
    uint64_t skip = span->skip, take = span->take;
    size_t at = pyro_text_pass(block, size, &span->skip);
    size_t length = pyro_text_pass(block + at, size - at, &span->take);
    int r = add_text(reading, block + at, length);
    span->seen += skip - span->skip + take - span->take;
    if (span->count_all)
        span->seen += pyro_text_count(block + at + length, size - at - length);
    reading->part.next += take - span->take;
    return r;
}

static int take_characters(struct reading *reading, int fd, uint64_t size, struct span *span)
{
    uint8_t block[LOG_BLOCK];
    while (span->offset < size && (span->count_all || span->take > 0)) {
        size_t most = (size_t)MIN(size - span->offset, (uint64_t)LOG_BLOCK);
        long got = log_segment_read(fd, block, most, span->offset);
        if (got < 0)
            return (int)got;
        /* What the writer is still writing does not count. */
        size_t whole = (size_t)got - pyro_text_unfinished(block, (size_t)got);
        if (whole == 0)
            break;
        int r = take_from_block(reading, block, whole, span);
        if (r < 0)
            return r;
        span->offset += whole;
    }
    return 0;
}

static int take_bytes(struct reading *reading, int fd, uint64_t size, struct span *span)
{
    uint64_t offset = MIN(span->skip, size);
    size_t left = (size_t)MIN(span->take, size - offset);
    span->seen = size;
    while (left > 0) {
        uint8_t *room = pyro_buffer_reserve(&reading->text, left);
        long got = room ? log_segment_read(fd, room, left, offset) : -ENOMEM;
        if (got <= 0)
            return (int)got;
        pyro_buffer_commit(&reading->text, (size_t)got);
        reading->part.next += (size_t)got;
        offset += (size_t)got;
        left -= (size_t)got;
    }
    return 0;
}

/* Of the newest segment, which was looked through to its end. */
static void remember_end(struct pyro_log_reader *reader, int fd, uint64_t offset, uint64_t position)
{
    pyro_log_reader_finish(reader);
    reader->fd = fd;
    reader->offset = offset;
    reader->position = position;
}

static int take(struct reading *reading, size_t index, struct span *span)
{
    struct pyro_log_reader *reader = reading->reader;
    uint64_t size, position = reading->segments.positions[index];
    cleanup_close int fd = log_segment_open(reader->directory, reader->name, position, &size);
    if (fd < 0)
        return fd;
    if (reader->unit == PYRO_LOG_BYTES)
        return take_bytes(reading, fd, size, span);
    int r = take_characters(reading, fd, size, span);
    if (r == 0 && span->count_all)
        remember_end(reader, steal_fd(&fd), span->offset, position + span->seen);
    return r;
}

static uint64_t left(const struct reading *reading)
{
    return reading->most - (reading->part.next - reading->part.start);
}

static void start_at(struct reading *reading, uint64_t position)
{
    reading->part.start = reading->part.next = position;
}

/* What follows the part's last unit is not in its segment: it is in the next one, at `position`,
 * after a gap or not. Returns 1 to go on there, 0 when the part ends here, -EAGAIN to list again.
 */
static int go_on(struct reading *reading, uint64_t position, bool vanished)
{
    const struct pyro_log_part *part = &reading->part;
    if (part->next == position)
        return left(reading) > 0;
    if (part->next > part->start || left(reading) == 0)
        return 0;
    /* A listing can miss a segment that is made meanwhile. One that is still not there is none. */
    if (!vanished && reading->gap != position) {
        reading->gap = position;
        return -EAGAIN;
    }
    start_at(reading, position);
    return 1;
}

static size_t find_segment(const struct log_segments *segments, uint64_t position)
{
    size_t i = segments->count - 1;
    while (i > 0 && segments->positions[i] > position)
        i--;
    return i;
}

/* Position behind the last unit of the newest segment, the part's own end when it is gone. */
static int find_end(struct reading *reading)
{
    struct span span = {.count_all = true};
    size_t last = reading->segments.count - 1;
    int r = take(reading, last, &span);
    if (r < 0 && r != -ENOENT)
        return r;
    reading->part.end = MAX(reading->part.next, reading->segments.positions[last] + span.seen);
    return 0;
}

static int read_last(struct reading *reading, size_t index)
{
    uint64_t position = reading->segments.positions[index];
    struct span span = {
        .skip = reading->part.next - position, .take = left(reading), .count_all = true};
    bool begun = reading->part.next > reading->part.start;
    int r = take(reading, index, &span);
    if (r == -ENOENT && !begun)
        return -EAGAIN;
    if (r < 0 && r != -ENOENT)
        return r;
    reading->part.end = MAX(position + span.seen, begun ? reading->part.next : 0);
    if (reading->part.start > reading->part.end)
        start_at(reading, reading->part.end);
    return 0;
}

static int read_listed(struct reading *reading)
{
    const struct log_segments *segments = &reading->segments;
    size_t i = find_segment(segments, reading->cursor);
    start_at(reading, MAX(reading->cursor, segments->positions[i]));
    for (; i + 1 < segments->count; i++) {
        uint64_t position = segments->positions[i], next = segments->positions[i + 1];
        struct span span = {.skip = reading->part.next - position,
                            .take = MIN(left(reading), next - reading->part.next)};
        int r = take(reading, i, &span);
        if (r < 0 && r != -ENOENT)
            return r;
        r = go_on(reading, next, r == -ENOENT);
        if (r < 0)
            return r;
        if (r == 0)
            return find_end(reading);
    }
    return read_last(reading, i);
}

/* The listing goes stale when the writer drops what it names. */
static int read_log(struct reading *reading)
{
    for (int i = 0; i < LOG_TRIES_MOST; i++) {
        int r = log_segments_list(reading->reader->directory, reading->reader->name,
                                  &reading->segments);
        if (r < 0 || reading->segments.count == 0)
            return r;
        r = read_listed(reading);
        if (r != -EAGAIN)
            return r;
    }
    return -EAGAIN;
}

/* What came since the log was read to its end, for a cursor that is there. -EAGAIN when that has to
 * be looked for: its writer has begun another segment, or its owner has edited this one. */
static int read_on(struct reading *reading)
{
    const struct pyro_log_reader *reader = reading->reader;
    struct span span = {.take = reading->most, .count_all = true, .offset = reader->offset};
    if (reader->fd < 0 || reading->known_end == 0 || reading->cursor != reader->position)
        return -EAGAIN;
    start_at(reading, reading->cursor);
    int r = take_characters(reading, reader->fd, LOG_SEGMENT_CAP, &span);
    reading->part.end = reader->position + span.seen;
    return r == 0 && reading->part.end < reading->known_end ? -EAGAIN : r;
}

/* Hands over the text; one that was tampered with is made text again. */
static int hand_over(struct reading *reading, struct pyro_log_part *ret_part)
{
    int r = pyro_buffer_append(&reading->text, "", 1);
    if (r < 0)
        return r;
    *ret_part = reading->part;
    ret_part->size = reading->text.size - 1;
    char *text = (char *)pyro_buffer_data(&reading->text);
    bool is_good = reading->reader->unit == PYRO_LOG_BYTES ||
                   pyro_text_valid(text, ret_part->size) == ret_part->size;
    if (!is_good)
        ret_part->text = pyro_text_to_utf8(text, ret_part->size, &ret_part->size);
    else
        ret_part->text = (char *)steal_pointer(&reading->text.bytes);
    return ret_part->text ? 0 : -ENOMEM;
}

void pyro_log_reader_init(struct pyro_log_reader *reader, int directory, const char *name,
                          enum pyro_log_unit unit)
{
    *reader =
        (struct pyro_log_reader){.directory = directory, .name = name, .unit = unit, .fd = -1};
}

static int perform(struct reading reading, int (*read)(struct reading *),
                   struct pyro_log_part *ret_part)
{
    pyro_buffer_init(&reading.text, PYRO_LOG_PART_MOST + 1);
    int r = read(&reading);
    if (r == 0)
        r = hand_over(&reading, ret_part);
    if (r < 0)
        *ret_part = (struct pyro_log_part){0};
    pyro_buffer_finish(&reading.text);
    return r;
}

int pyro_log_reader_read(struct pyro_log_reader *reader, uint64_t cursor, uint64_t most,
                         uint64_t known_end, struct pyro_log_part *ret_part)
{
    /* A character has up to four bytes. */
    uint64_t cap = reader->unit == PYRO_LOG_BYTES ? PYRO_LOG_PART_MOST : PYRO_LOG_PART_MOST / 4;
    struct reading reading = {
        .reader = reader, .cursor = cursor, .most = MIN(most, cap), .known_end = known_end};
    int r = perform(reading, read_on, ret_part);
    return r == -EAGAIN ? perform(reading, read_log, ret_part) : r;
}

void pyro_log_reader_finish(struct pyro_log_reader *reader)
{
    if (reader->fd >= 0)
        close(steal_fd(&reader->fd));
}

int pyro_log_read(int directory, const char *name, enum pyro_log_unit unit, uint64_t cursor,
                  uint64_t most, struct pyro_log_part *ret_part)
{
    struct pyro_log_reader reader;
    pyro_log_reader_init(&reader, directory, name, unit);
    int r = pyro_log_reader_read(&reader, cursor, most, 0, ret_part);
    pyro_log_reader_finish(&reader);
    return r;
}

void pyro_log_part_finish(struct pyro_log_part *part)
{
    free(part->text);
    *part = (struct pyro_log_part){0};
}
