/* The sink as a whole: takes the stream, and lets what they made appear at the end. */
#include "workspace/sink.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "workspace/sink_parts.h"

int pyro_tree_sink_open(const char *output_path, bool force, struct pyro_tree_sink **ret_sink,
                        struct pyro_error *error)
{
    return pyro_tree_sink_open_held(-1, output_path, force, ret_sink, error);
}

int pyro_tree_sink_open_held(int parent, const char *output_path, bool force,
                             struct pyro_tree_sink **ret_sink, struct pyro_error *error)
{
    struct pyro_tree_sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return pyro_error_no_memory(error);
    sink->file.fd = sink->tree.root = sink->tree.parent = -1;
    pyro_tree_reader_init(&sink->reader, pyro_sink_take, sink);
    int r = pyro_sink_goal_open(&sink->goal, parent, output_path, force, error);
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
    pyro_tree_reader_finish(&sink->reader);
    free_kept(sink->directories);
    free_kept(sink->symlinks);
    free(sink->target);
    free(sink);
}

int pyro_tree_sink_write(struct pyro_tree_sink *sink, const uint8_t *bytes, size_t size,
                         struct pyro_error *error)
{
    if (sink->failed)
        return pyro_sink_not_a_tree(sink, error, "it went on after it had been given up");
    int r = pyro_tree_reader_feed(&sink->reader, bytes, size, error);
    if (r == 0 && sink->reader.ended)
        r = pyro_sink_take_end(sink, error);
    sink->failed = r < 0;
    return sink->reader.broken
               ? pyro_sink_not_a_tree(sink, error,
                                      "bytes without a meaning, or something behind its end")
               : r;
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
    if (!sink->reader.ended || sink->failed)
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
