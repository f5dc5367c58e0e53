/* The two files of a baseline, and what their writer remembers until it writes them.
 *
 *   baseline.index   header, records sorted by path, names (texts with their NUL)
 *   baseline.data    the texts, one behind the other
 *
 * They never leave the host that wrote them, so that integers are as the host has them. */
#ifndef PYRO_WORKSPACE_BASELINE_FILE_H
#define PYRO_WORKSPACE_BASELINE_FILE_H

#include "base/buffer.h"
#include "workspace/baseline.h"
#include "workspace/content.h"

#define PYRO_BASELINE_INDEX "baseline.index"
#define PYRO_BASELINE_DATA "baseline.data"
#define PYRO_BASELINE_MAGIC "pyrobas1"
#define PYRO_BASELINE_NO_TEXT UINT64_MAX

struct pyro_baseline_header {
    char magic[8];
    uint64_t record_count, names_size, data_size;
    uint8_t sha256[PYRO_SHA256_SIZE]; /* of all that follows in the index */
};

struct pyro_baseline_record {
    uint32_t kind, mode;
    uint32_t path, target; /* offsets in names; of what is no symlink, the target is "" */
    uint64_t size;
    int64_t mtime_ns, ctime_ns;
    uint64_t inode;
    uint64_t text; /* offset in data, or PYRO_BASELINE_NO_TEXT */
    uint8_t sha256[PYRO_SHA256_SIZE];
};

struct pyro_baseline_writer {
    int bundle, data_fd;
    /* In the order of the stream. TIMES are among them, as records of PYRO_BASELINE_TIMES. */
    struct pyro_baseline_record *records;
    size_t count, capacity;
    size_t noted; /* how many of them have their result */
    struct pyro_buffer names;
    struct pyro_buffer texts; /* not yet in the file */
    uint64_t data_size;       /* of what is */
    struct pyro_content content;
    bool in_file; /* between an ENTRY and its DONE */
};

/* A kind that no entry has: it carries the final mode of the directory with this path. */
enum { PYRO_BASELINE_TIMES = PYRO_TREE_MISSING };

/* Writes out the texts that wait. 0 or a negative errno. */
int pyro_baseline_flush(struct pyro_baseline_writer *writer);

#endif
