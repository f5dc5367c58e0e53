/* The sink as a whole: cuts the stream into records, and lets what they made appear at the end. */
#include "workspace/sink.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "workspace/sink_parts.h"

int pyro_tree_sink_open(const char *output_path, bool force, struct pyro_tree_sink **ret_sink,
                        struct pyro_error *error)
{
    struct pyro_tree_sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return pyro_error_no_memory(error);
    sink->file.fd = sink->tree.root = sink->tree.parent = -1;
    pyro_buffer_init(&sink->pending, PYRO_TREE_RECORD_MAX);
    int r = pyro_sink_goal_open(&sink->goal, output_path, force, error);
    if (r == 0 && pyro_sink_skipped_init(&sink->skipped) < 0)
        r = pyro_error_no_memory(error);
    if (r < 0) {
        pyro_tree_sink_close(sink);
        return -1;
    }
    *ret_sink = sink;
    return 0;
}

static void free_kept(struct pyro_sink_kept *kept)
{
    while (kept) {
        struct pyro_sink_kept *next = kept->next;
        free(kept);
        kept = next;
    }
}

void pyro_tree_sink_close(struct pyro_tree_sink *sink)
{
    if (!sink)
        return;
    pyro_cleanup_close(&sink->file.fd);
    pyro_sink_tree_finish(&sink->tree);
    pyro_sink_goal_finish(&sink->goal);
    pyro_sink_skipped_finish(&sink->skipped);
    pyro_buffer_finish(&sink->pending);
    free_kept(sink->directories);
    free_kept(sink->symlinks);
    free(sink->target);
    free(sink);
}

/* How much of the record that began is still to come; of a length that cannot be, nothing. */
static size_t missing_bytes(const struct pyro_buffer *pending)
{
    enum { LENGTH_SIZE = 4 };
    if (pending->size <= LENGTH_SIZE)
        return LENGTH_SIZE + 1 - pending->size;
    const uint8_t *at = pyro_buffer_data(pending);
    uint32_t length =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    if (length > PYRO_TREE_RECORD_MAX - LENGTH_SIZE)
        return 0;
    size_t whole = LENGTH_SIZE + (size_t)length;
    return whole > pending->size ? whole - pending->size : 0;
}

static int take(struct pyro_tree_sink *sink, int decoded, const struct pyro_tree_record *record,
                struct pyro_error *error)
{
    if (decoded < 0)
        return pyro_sink_not_a_tree(sink, error, "bytes without a meaning");
    return decoded == 0 ? 0 : pyro_sink_take(sink, record, error);
}

/* Takes at most one record out of `bytes`. How many bytes were taken, or -1. */
static long take_some(struct pyro_tree_sink *sink, const uint8_t *bytes, size_t size,
                      struct pyro_error *error)
{
    struct pyro_buffer *pending = &sink->pending;
    struct pyro_tree_record record;
    if (sink->ended)
        return pyro_sink_not_a_tree(sink, error, "something behind its end");
    if (pending->size == 0) {
        int decoded = pyro_tree_decode(bytes, size, &record);
        if (decoded != 0) /* the common case: nothing is copied */
            return take(sink, decoded, &record, error) < 0 ? -1 : (long)record.size;
    }
    size = MIN(size, missing_bytes(pending));
    if (pyro_buffer_append(pending, bytes, size) < 0)
        return pyro_error_no_memory(error);
    int decoded = pyro_tree_decode(pyro_buffer_data(pending), pending->size, &record);
    if (take(sink, decoded, &record, error) < 0)
        return -1;
    if (decoded == 1)
        pyro_buffer_consume(pending, record.size);
    return (long)size;
}

int pyro_tree_sink_write(struct pyro_tree_sink *sink, const uint8_t *bytes, size_t size,
                         struct pyro_error *error)
{
    if (sink->failed)
        return pyro_sink_not_a_tree(sink, error, "it went on after it had been given up");
    while (size > 0) {
        long taken = take_some(sink, bytes, size, error);
        if (taken < 0) {
            sink->failed = true;
            return -1;
        }
        bytes += taken;
        size -= (size_t)taken;
    }
    return 0;
}

static int fail_half_way(struct pyro_tree_sink *sink, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                   "exporting to %s: what the guest sent ended half-way", sink->goal.shown.text);
    return pyro_error_hint(error, "nothing was written; see whether the guest still runs, and try "
                                  "again");
}

int pyro_tree_sink_finish(struct pyro_tree_sink *sink, struct pyro_tree_export *ret_export,
                          struct pyro_error *error)
{
    static const char *const types[] = {[PYRO_TREE_FILE] = "file",
                                        [PYRO_TREE_DIRECTORY] = "directory",
                                        [PYRO_TREE_SYMLINK] = "symlink"};
    if (!sink->ended || sink->failed)
        return fail_half_way(sink, error);
    sink->failed = true; /* there is no second time */
    if (pyro_sink_settle(sink, error) < 0)
        return -1;
    cleanup_json json_t *skipped = pyro_sink_skipped_take(&sink->skipped);
    if (!skipped)
        return pyro_error_no_memory(error);
    if (pyro_sink_goal_place(&sink->goal, sink->kind, error) < 0)
        return -1;
    *ret_export = (struct pyro_tree_export){.artifact_type = types[sink->kind],
                                            .entry_count = sink->entry_count,
                                            .bytes_written = sink->bytes_written,
                                            .skipped = steal_pointer(&skipped)};
    return 0;
}
