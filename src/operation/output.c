#include "operation/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void pyro_output_init(struct pyro_output *output, size_t cap)
{
    *output = (struct pyro_output){0};
    pyro_buffer_init(&output->head, cap / 2);
    pyro_buffer_init(&output->tail, cap - cap / 2);
}

void pyro_output_finish(struct pyro_output *output)
{
    pyro_buffer_finish(&output->head);
    pyro_buffer_finish(&output->tail);
}

/* Writes into a ring that is full: the oldest bytes give way. */
static void overwrite(struct pyro_output *output, const uint8_t *bytes, size_t size)
{
    size_t ring = output->tail.size;
    if (size > ring) { /* only the last bytes can stay */
        size_t skipped = size - ring;
        output->tail_start = (output->tail_start + skipped) % ring;
        bytes += skipped;
        size = ring;
    }
    size_t first = MIN(size, ring - output->tail_start);
    uint8_t *data = pyro_buffer_data(&output->tail);
    memcpy(data + output->tail_start, bytes, first);
    memcpy(data, bytes + first, size - first);
    output->tail_start = (output->tail_start + size) % ring;
}

/* Appends what still fits below the buffer's cap and says how much that was. */
static int append_some(struct pyro_buffer *buffer, const uint8_t *bytes, size_t size,
                       size_t *ret_taken)
{
    *ret_taken = MIN(size, pyro_buffer_room(buffer));
    return *ret_taken > 0 ? pyro_buffer_append(buffer, bytes, *ret_taken) : 0;
}

int pyro_output_add(struct pyro_output *output, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    size_t in_head = 0, in_tail = 0;
    int r = append_some(&output->head, at, size, &in_head);
    if (r == 0)
        r = append_some(&output->tail, at + in_head, size - in_head, &in_tail);
    if (r < 0)
        return r;
    size_t left = size - in_head - in_tail;
    if (left > 0 && output->tail.size > 0)
        overwrite(output, at + in_head + in_tail, left);
    output->total_bytes += size;
    return 0;
}

/* What was kept, in one piece; with `ret_head` the length of the part before the gap. */
static uint8_t *join(const struct pyro_output *output, size_t *ret_size)
{
    size_t head = output->head.size, tail = output->tail.size, start = output->tail_start;
    uint8_t *bytes = malloc(head + tail + 1);
    if (!bytes)
        return NULL;
    if (head > 0)
        memcpy(bytes, pyro_buffer_data(&output->head), head);
    if (tail > 0) {
        const uint8_t *ring = pyro_buffer_data(&output->tail);
        memcpy(bytes + head, ring + start, tail - start);
        memcpy(bytes + head + tail - start, ring, start);
    }
    *ret_size = head + tail;
    return bytes;
}

/* Head, a line about the gap, tail. To be freed. */
static char *bridge(const struct pyro_output *output, const uint8_t *bytes, size_t size,
                    size_t *ret_size)
{
    size_t head = output->head.size;
    const uint8_t *tail = bytes + head;
    size_t tail_size = size - head;
    head -= pyro_text_unfinished(bytes, head);
    size_t cut = pyro_text_continued(tail, tail_size);
    tail += cut;
    tail_size -= cut;
    char line[96];
    bool own_line = head == 0 || bytes[head - 1] == '\n';
    int length = snprintf(line, sizeof(line), "%s[pyro: %" PRIu64 " bytes left out here]\n",
                          own_line ? "" : "\n", output->total_bytes - head - tail_size);
    char *text = malloc(head + (size_t)length + tail_size + 1);
    if (!text)
        return NULL;
    char *at = mempcpy(text, bytes, head);
    at = mempcpy(at, line, (size_t)length);
    at = mempcpy(at, tail, tail_size);
    *ret_size = (size_t)(at - text);
    return text;
}

static int set(json_t *result, const char *name, const char *suffix, json_t *value)
{
    cleanup_free char *key = pyro_text_format("%s%s", name, suffix);
    if (!key) {
        json_decref(value);
        return -ENOMEM;
    }
    return json_object_set_new(result, key, value) < 0 ? -ENOMEM : 0;
}

int pyro_output_to_json(const struct pyro_output *output, json_t *result, const char *name)
{
    size_t size, text_size;
    cleanup_free uint8_t *kept = join(output, &size);
    if (!kept)
        return -ENOMEM;
    bool truncated = output->total_bytes > size;
    cleanup_free char *bridged = truncated ? bridge(output, kept, size, &size) : NULL;
    if (truncated && !bridged)
        return -ENOMEM;
    cleanup_free char *text =
        pyro_text_to_utf8(truncated ? (void *)bridged : kept, size, &text_size);
    if (!text)
        return -ENOMEM;
    int r = set(result, name, "", json_stringn_nocheck(text, text_size));
    if (r == 0)
        r = set(result, name, "_bytes", json_integer((json_int_t)output->total_bytes));
    if (r == 0)
        r = set(result, name, "_truncated", json_boolean(truncated));
    return r == 0 ? set(result, name, "_path", json_null()) : r;
}
