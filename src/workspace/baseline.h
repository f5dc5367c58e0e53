/* The baseline: how /workspace was when it was created, kept on the host where the guest cannot
 * reach it. Written once, while the seed is sent, and read by every diff.
 *
 *   baseline.index   all entries: kind, mode, size, the guest's inode and ctime, SHA-256
 *   baseline.data    the content of what can be text, for patches */
#ifndef PYRO_WORKSPACE_BASELINE_H
#define PYRO_WORKSPACE_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/tree.h"

enum {
    PYRO_TEXT_SIZE_MAX = 1024 * 1024, /* larger files are compared, but not shown */
    PYRO_TEXT_LOOK_BYTES = 8000, /* a NUL in the first so many makes a file binary, as in git */
    PYRO_SHA256_SIZE = 32,
};

struct pyro_baseline_entry {
    enum pyro_tree_kind kind; /* hard links are files here */
    uint32_t mode;
    uint64_t size;
    int64_t mtime_ns, ctime_ns;
    uint64_t inode; /* 0: the guest did not tell */
    uint8_t sha256[PYRO_SHA256_SIZE];
    const char *path, *target;
    bool is_text;
    const uint8_t *text; /* `size` bytes when `is_text`; NULL when there are none */
};

/* Writing: the records of a source in their order, and the guest's results in theirs. `bundle` is a
 * directory that the caller keeps open meanwhile. */
struct pyro_baseline_writer;
int pyro_baseline_create(int bundle, struct pyro_baseline_writer **ret_writer,
                         struct pyro_error *error);
int pyro_baseline_add(struct pyro_baseline_writer *writer, const struct pyro_tree_record *record,
                      struct pyro_error *error);
void pyro_baseline_note(struct pyro_baseline_writer *writer, const struct pyro_tree_result *result);
/* Makes the baseline whole and read-only. Without it there is none. */
int pyro_baseline_finish(struct pyro_baseline_writer *writer, struct pyro_error *error);
void pyro_baseline_destroy(struct pyro_baseline_writer *writer);

/* Reading: all entries sorted by path (bytes as unsigned), mapped from the files, good until
 * closed. A user can edit the files: everything is checked. */
struct pyro_baseline;
int pyro_baseline_open(int bundle, struct pyro_baseline **ret_baseline, struct pyro_error *error);
size_t pyro_baseline_count(const struct pyro_baseline *baseline);
void pyro_baseline_get(const struct pyro_baseline *baseline, size_t index,
                       struct pyro_baseline_entry *ret_entry);
void pyro_baseline_close(struct pyro_baseline *baseline);

/* Fills in what a baseline that cannot be believed fails with; -1. */
int pyro_baseline_damaged(struct pyro_error *error);

#endif
