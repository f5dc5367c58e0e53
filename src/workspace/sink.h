/* A tree from the guest, written to the host: hostile to the last byte. Nothing is created outside
 * a new directory beside the goal until all of it is there; then it is renamed to the goal. */
#ifndef PYRO_WORKSPACE_SINK_H
#define PYRO_WORKSPACE_SINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { PYRO_SINK_ENTRIES_MAX = 1000000 };
#define PYRO_SINK_BYTES_MAX ((uint64_t)32 << 30) /* of data, holes not counted */

struct pyro_tree_sink;

/* What was exported. */
struct pyro_tree_export {
    const char *artifact_type; /* "file", "directory", "symlink" */
    uint64_t entry_count, bytes_written;
    json_t *skipped; /* array of {path, reason}: devices, pipes, sockets, symlinks that lead out */
};

/* `output_path` is the goal. An existing one is refused unless `force` (field "output_path",
 * PYRO_ERROR_INVALID_PARAMETER); its parent directory must be there. */
int pyro_tree_sink_open(const char *output_path, bool force, struct pyro_tree_sink **ret_sink,
                        struct pyro_error *error);
/* The same in a directory that somebody has opened already (O_PATH will do) and keeps; of
 * `output_path` only the last name counts. */
int pyro_tree_sink_open_held(int parent, const char *output_path, bool force,
                             struct pyro_tree_sink **ret_sink, struct pyro_error *error);
/* Takes a part of the stream of the agent's command "send", cut anywhere. */
int pyro_tree_sink_write(struct pyro_tree_sink *sink, const uint8_t *bytes, size_t size,
                         struct pyro_error *error);
/* The stream is over: puts the tree in its place. `ret_export->skipped` is a new reference. */
int pyro_tree_sink_finish(struct pyro_tree_sink *sink, struct pyro_tree_export *ret_export,
                          struct pyro_error *error);
/* Removes what was not put in place. NULL is fine. */
void pyro_tree_sink_close(struct pyro_tree_sink *sink);

#endif
