/* What changed in /workspace since its baseline. */
#ifndef PYRO_WORKSPACE_DIFF_H
#define PYRO_WORKSPACE_DIFF_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"
#include "workspace/channel.h"

/* Looks at every entry of the tree at `root` in the guest ("/workspace"), fetches what may have
 * changed, and compares it with the baseline in `bundle`.
 * `ret_result`: a new object with changed, summary, entries and patch, as results.md and
 * docs/REFERENCE.md have them; its texts are valid UTF-8. `ret_patch`: the same patch, byte for
 * byte; owned by the caller, pyro_buffer_finish(). */
int pyro_diff_make(const struct pyro_tree_channel *channel, const char *root, int bundle,
                   json_t **ret_result, struct pyro_buffer *ret_patch, struct pyro_error *error);

#endif
