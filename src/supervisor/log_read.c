/* Reads a part of a log. What is seen may be in the middle of a write, a listing in the middle
 * of a rotation, and a file edited by its owner. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/log.h"
#include "supervisor/log_segment.h"

struct reader {
    int directory;
    const char *name;
    enum pyro_log_unit unit;
    uint64_t cursor, most;
    struct log_segments segments;
    uint64_t gap; /* position behind a gap that the listing before this one showed */
    struct pyro_log_part part;
    struct pyro_buffer text;
};

/* How much of a segment to pass over and to take, in units, and whether to count what follows. */
struct span {
    uint64_t skip, take;
    bool count_all;
    uint64_t seen; /* result: units that were found */
};

/* Passes over characters: as many as `left` says or as there are. Returns their bytes. */
static size_t pass_characters(const uint8_t *bytes, size_t size, uint64_t *left)
{
    enum { STEP = 256 };
    size_t at = 0, count;
    while (size - at >= STEP && (count = pyro_text_count(bytes + at, STEP)) <= *left) {
        *left -= count;
        at += STEP;
    }
    for (; at < size; at++) {
        bool begins = (bytes[at] & 0xc0) != 0x80;
        if (begins && *left == 0)
            break;
        *left -= begins;
    }
    return at;
}

static int add_text(struct reader *reader, const uint8_t *bytes, size_t size)
{
    /* Only a file that was tampered with has characters so long; it still has to come to an end. */
    size = MIN(size, PYRO_LOG_PART_MOST - MIN(reader->text.size, (size_t)PYRO_LOG_PART_MOST));
    return size > 0 ? pyro_buffer_append(&reader->text, bytes, size) : 0;
}

static int take_from_block(struct reader *reader, const uint8_t *block, size_t size,
                           struct span *span)
{
    uint64_t skip = span->skip, take = span->take;
    size_t at = pass_characters(block, size, &span->skip);
    size_t length = pass_characters(block + at, size - at, &span->take);
    int r = add_text(reader, block + at, length);
    span->seen += skip - span->skip + take - span->take;
    if (span->count_all)
        span->seen += pyro_text_count(block + at + length, size - at - length);
    reader->part.next += take - span->take;
    return r;
}

static int take_characters(struct reader *reader, int fd, uint64_t size, struct span *span)
{
    uint8_t block[LOG_BLOCK];
    for (uint64_t offset = 0; offset < size && (span->count_all || span->take > 0);) {
        long got =
            log_segment_read(fd, block, (size_t)MIN(size - offset, (uint64_t)LOG_BLOCK), offset);
        if (got < 0)
            return (int)got;
        /* What the writer is still writing does not count. */
        size_t whole = (size_t)got - pyro_text_unfinished(block, (size_t)got);
        if (whole == 0)
            break;
        int r = take_from_block(reader, block, whole, span);
        if (r < 0)
            return r;
        offset += whole;
    }
    return 0;
}

static int take_bytes(struct reader *reader, int fd, uint64_t size, struct span *span)
{
    uint64_t offset = MIN(span->skip, size);
    size_t left = (size_t)MIN(span->take, size - offset);
    span->seen = size;
    while (left > 0) {
        uint8_t *room = pyro_buffer_reserve(&reader->text, left);
        long got = room ? log_segment_read(fd, room, left, offset) : -ENOMEM;
        if (got <= 0)
            return (int)got;
        pyro_buffer_commit(&reader->text, (size_t)got);
        reader->part.next += (size_t)got;
        offset += (size_t)got;
        left -= (size_t)got;
    }
    return 0;
}

static int take(struct reader *reader, size_t index, struct span *span)
{
    uint64_t size;
    cleanup_close int fd =
        log_segment_open(reader->directory, reader->name, reader->segments.positions[index], &size);
    if (fd < 0)
        return fd;
    return reader->unit == PYRO_LOG_BYTES ? take_bytes(reader, fd, size, span)
                                          : take_characters(reader, fd, size, span);
}

static uint64_t left(const struct reader *reader)
{
    return reader->most - (reader->part.next - reader->part.start);
}

static void start_at(struct reader *reader, uint64_t position)
{
    reader->part.start = reader->part.next = position;
}

/* What follows the part's last unit is not in its segment: it is in the next one, at `position`,
 * after a gap or not. Returns 1 to go on there, 0 when the part ends here, -EAGAIN to list again.
 */
static int go_on(struct reader *reader, uint64_t position, bool vanished)
{
    const struct pyro_log_part *part = &reader->part;
    if (part->next == position)
        return left(reader) > 0;
    if (part->next > part->start || left(reader) == 0)
        return 0;
    /* A listing can miss a segment that is made meanwhile. One that is still not there is none. */
    if (!vanished && reader->gap != position) {
        reader->gap = position;
        return -EAGAIN;
    }
    start_at(reader, position);
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
static int find_end(struct reader *reader)
{
    struct span span = {.count_all = true};
    size_t last = reader->segments.count - 1;
    int r = take(reader, last, &span);
    if (r < 0 && r != -ENOENT)
        return r;
    reader->part.end = MAX(reader->part.next, reader->segments.positions[last] + span.seen);
    return 0;
}

static int read_last(struct reader *reader, size_t index)
{
    uint64_t position = reader->segments.positions[index];
    struct span span = {
        .skip = reader->part.next - position, .take = left(reader), .count_all = true};
    bool begun = reader->part.next > reader->part.start;
    int r = take(reader, index, &span);
    if (r == -ENOENT && !begun)
        return -EAGAIN;
    if (r < 0 && r != -ENOENT)
        return r;
    reader->part.end = MAX(position + span.seen, begun ? reader->part.next : 0);
    if (reader->part.start > reader->part.end)
        start_at(reader, reader->part.end);
    return 0;
}

static int read_listed(struct reader *reader)
{
    const struct log_segments *segments = &reader->segments;
    size_t i = find_segment(segments, reader->cursor);
    start_at(reader, MAX(reader->cursor, segments->positions[i]));
    for (; i + 1 < segments->count; i++) {
        uint64_t position = segments->positions[i], next = segments->positions[i + 1];
        struct span span = {.skip = reader->part.next - position,
                            .take = MIN(left(reader), next - reader->part.next)};
        int r = take(reader, i, &span);
        if (r < 0 && r != -ENOENT)
            return r;
        r = go_on(reader, next, r == -ENOENT);
        if (r < 0)
            return r;
        if (r == 0)
            return find_end(reader);
    }
    return read_last(reader, i);
}

/* The listing goes stale when the writer drops what it names. */
static int read_log(struct reader *reader)
{
    for (int i = 0; i < LOG_TRIES_MOST; i++) {
        int r = log_segments_list(reader->directory, reader->name, &reader->segments);
        if (r < 0 || reader->segments.count == 0)
            return r;
        r = read_listed(reader);
        if (r != -EAGAIN)
            return r;
    }
    return -EAGAIN;
}

/* Hands over the text; one that was tampered with is made text again. */
static int hand_over(struct reader *reader, struct pyro_log_part *ret_part)
{
    int r = pyro_buffer_append(&reader->text, "", 1);
    if (r < 0)
        return r;
    *ret_part = reader->part;
    ret_part->size = reader->text.size - 1;
    char *text = (char *)pyro_buffer_data(&reader->text);
    bool is_good =
        reader->unit == PYRO_LOG_BYTES || pyro_text_valid(text, ret_part->size) == ret_part->size;
    if (!is_good)
        ret_part->text = pyro_text_to_utf8(text, ret_part->size, &ret_part->size);
    else
        ret_part->text = (char *)steal_pointer(&reader->text.bytes);
    return ret_part->text ? 0 : -ENOMEM;
}

int pyro_log_read(int directory, const char *name, enum pyro_log_unit unit, uint64_t cursor,
                  uint64_t most, struct pyro_log_part *ret_part)
{
    /* A character has up to four bytes. */
    uint64_t cap = unit == PYRO_LOG_BYTES ? PYRO_LOG_PART_MOST : PYRO_LOG_PART_MOST / 4;
    struct reader reader = {.directory = directory,
                            .name = name,
                            .unit = unit,
                            .cursor = cursor,
                            .most = MIN(most, cap)};
    pyro_buffer_init(&reader.text, PYRO_LOG_PART_MOST + 1);
    int r = read_log(&reader);
    if (r == 0)
        r = hand_over(&reader, ret_part);
    if (r < 0)
        *ret_part = (struct pyro_log_part){0};
    pyro_buffer_finish(&reader.text);
    return r;
}

void pyro_log_part_finish(struct pyro_log_part *part)
{
    free(part->text);
    *part = (struct pyro_log_part){0};
}
