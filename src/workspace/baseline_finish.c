/* From what was collected to the files: sorted, hard links resolved, of each path the last. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"
#include "workspace/baseline_file.h"

/* The records' indices by path; of the same path, in the order of the stream. */
struct order {
    const struct pyro_baseline_writer *writer;
    uint32_t *indices;
    size_t count;
};

static const char *name_at(const struct pyro_baseline_writer *writer, uint32_t offset)
{
    return (const char *)pyro_buffer_data(&writer->names) + offset;
}

static const char *path_of(const struct pyro_baseline_writer *writer, uint32_t index)
{
    return name_at(writer, writer->records[index].path);
}

static int compare(const void *left, const void *right, void *writer)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int r = strcmp(path_of(writer, a), path_of(writer, b));
    return r != 0 ? r : (a > b) - (a < b);
}

static int make_order(struct pyro_baseline_writer *writer, struct order *ret_order)
{
    uint32_t *indices = malloc(MAX(writer->count, (size_t)1) * sizeof(*indices));
    if (!indices)
        return -ENOMEM;
    for (size_t i = 0; i < writer->count; i++)
        indices[i] = (uint32_t)i;
    qsort_r(indices, writer->count, sizeof(*indices), compare, writer);
    *ret_order = (struct order){.writer = writer, .indices = indices, .count = writer->count};
    return 0;
}

/* What the link at `index` leads to: the last record with its target's path before it. */
static struct pyro_baseline_record *link_target(const struct order *order, uint32_t index)
{
    struct pyro_baseline_record *records = order->writer->records;
    const char *target = name_at(order->writer, records[index].target);
    size_t low = 0, high = order->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t at = order->indices[middle];
        int r = strcmp(path_of(order->writer, at), target);
        if (r < 0 || (r == 0 && at < index))
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t found = low > 0 ? order->indices[low - 1] : index;
    return strcmp(path_of(order->writer, found), target) == 0 ? &records[found] : NULL;
}

/* Each link that is made changes the ctime of the file, under all of its names: the last one's
 * result tells it. So it travels from the last link to the first name, and then back. */
static int resolve_links(const struct order *order)
{
    struct pyro_baseline_record *records = order->writer->records;
    for (size_t i = order->count; i-- > 0;) {
        if (records[i].kind != PYRO_TREE_LINK)
            continue;
        struct pyro_baseline_record *target = link_target(order, (uint32_t)i);
        if (target && target->inode == records[i].inode)
            target->ctime_ns = MAX(target->ctime_ns, records[i].ctime_ns);
    }
    for (size_t i = 0; i < order->count; i++) {
        if (records[i].kind != PYRO_TREE_LINK)
            continue;
        const struct pyro_baseline_record *target = link_target(order, (uint32_t)i);
        if (!target || target->kind != PYRO_TREE_FILE)
            return -EPROTO;
        uint32_t path = records[i].path;
        records[i] = *target;
        records[i].path = path;
    }
    return 0;
}

/* Leaves one record of each path, gives directories their final mode, and forgets what is no entry
 * of the guest's tree. */
static void thin_out(struct order *order)
{
    struct pyro_baseline_record *records = order->writer->records;
    size_t kept = 0;
    for (size_t i = 0; i < order->count; i++) {
        struct pyro_baseline_record *record = &records[order->indices[i]];
        struct pyro_baseline_record *last = kept > 0 ? &records[order->indices[kept - 1]] : NULL;
        bool again = last && strcmp(name_at(order->writer, last->path),
                                    name_at(order->writer, record->path)) == 0;
        if (record->kind == PYRO_BASELINE_TIMES && again && last->kind == PYRO_TREE_DIRECTORY) {
            last->mode = record->mode;
            last->mtime_ns = record->mtime_ns;
        }
        if (record->kind > PYRO_TREE_SYMLINK || record->path == 0)
            continue;
        kept -= again;
        order->indices[kept++] = order->indices[i];
    }
    order->count = kept;
}

/* Header, records and names as they stand in the file. */
static int make_index(const struct order *order, struct pyro_buffer *out)
{
    const struct pyro_baseline_writer *writer = order->writer;
    struct pyro_baseline_header header = {.magic = PYRO_BASELINE_MAGIC,
                                          .record_count = order->count,
                                          .names_size = writer->names.size,
                                          .data_size = writer->data_size};
    size_t behind = order->count * sizeof(*writer->records) + writer->names.size;
    if (!pyro_buffer_reserve(out, sizeof(header) + behind))
        return -ENOMEM;
    pyro_buffer_append(out, &header, sizeof(header));
    for (size_t i = 0; i < order->count; i++)
        pyro_buffer_append(out, &writer->records[order->indices[i]], sizeof(*writer->records));
    pyro_buffer_append(out, pyro_buffer_data(&writer->names), writer->names.size);
    struct pyro_baseline_header *placed = (struct pyro_baseline_header *)pyro_buffer_data(out);
    pyro_sha256(placed + 1, behind, placed->sha256);
    return 0;
}

static int write_data(struct pyro_baseline_writer *writer)
{
    int r = pyro_baseline_flush(writer);
    if (r == 0 && fsync(writer->data_fd) < 0)
        r = -errno;
    if (r == 0 &&
        renameat(writer->bundle, PYRO_BASELINE_DATA ".new", writer->bundle, PYRO_BASELINE_DATA) < 0)
        r = -errno;
    if (r == 0) {
        close(writer->data_fd);
        writer->data_fd = -1;
    }
    return r;
}

static int write_index(struct pyro_baseline_writer *writer)
{
    struct order order = {0};
    struct pyro_buffer index;
    pyro_buffer_init(&index, SIZE_MAX);
    int r = make_order(writer, &order);
    if (r == 0)
        r = resolve_links(&order);
    if (r == 0) {
        thin_out(&order);
        r = make_index(&order, &index);
    }
    if (r == 0)
        r = pyro_file_replace_at(writer->bundle, PYRO_BASELINE_INDEX, pyro_buffer_data(&index),
                                 index.size, 0400, true);
    free(order.indices);
    pyro_buffer_finish(&index);
    return r;
}

int pyro_baseline_finish(struct pyro_baseline_writer *writer, struct pyro_error *error)
{
    /* The index last: without it there is no baseline. */
    int r = writer->in_file ? -EPROTO : write_data(writer);
    if (r == 0)
        r = write_index(writer);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot write the baseline of the workspace");
    return 0;
}
