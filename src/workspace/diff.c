#include "workspace/diff.h"

#include <stdlib.h>

#include "workspace/diff_parts.h"

static int make(struct pyro_diff *diff, json_t **ret_result, struct pyro_error *error)
{
    if (pyro_baseline_open(diff->bundle, &diff->baseline, error) < 0 ||
        pyro_diff_list(diff, error) < 0 || pyro_diff_merge(diff, error) < 0 ||
        pyro_diff_fetch(diff, error) < 0 || pyro_diff_judge(diff, error) < 0 ||
        pyro_diff_patch(diff, error) < 0)
        return -1;
    *ret_result = pyro_diff_result(diff);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

int pyro_diff_make(const struct pyro_tree_channel *channel, const char *root, int bundle,
                   json_t **ret_result, struct pyro_buffer *ret_patch, struct pyro_error *error)
{
    struct pyro_diff diff = {
        .channel = channel, .root = root, .bundle = bundle, .patch = ret_patch};
    pyro_buffer_init(&diff.texts, PYRO_DIFF_TEXTS_MAX);
    pyro_buffer_init(ret_patch, PYRO_DIFF_PATCH_MAX);
    int r = make(&diff, ret_result, error);
    if (r < 0)
        pyro_buffer_finish(ret_patch);
    free(diff.changes);
    pyro_buffer_finish(&diff.texts);
    pyro_diff_tree_finish(&diff.tree);
    pyro_baseline_close(diff.baseline);
    return r;
}
