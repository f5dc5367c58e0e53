/* Reading a baseline. A user can edit its files, and whoever reads must not fall over it: every
 * offset is checked once, when it is opened. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "workspace/baseline_file.h"

/* A file as it is mapped; NULL when it is empty. */
struct mapping {
    const uint8_t *bytes;
    size_t size;
};

struct pyro_baseline {
    struct mapping index, data;
    const struct pyro_baseline_record *records;
    const char *names;
    size_t count, names_size;
};

static int map_file(int bundle, const char *name, struct mapping *ret_mapping)
{
    struct stat status;
    cleanup_close int fd = openat(bundle, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EBADMSG;
    if (status.st_size == 0)
        return 0;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    *ret_mapping = (struct mapping){.bytes = bytes, .size = (size_t)status.st_size};
    return 0;
}

static void unmap(const struct mapping *mapping)
{
    if (mapping->bytes)
        munmap((void *)mapping->bytes, mapping->size);
}

void pyro_baseline_close(struct pyro_baseline *baseline)
{
    if (!baseline)
        return;
    unmap(&baseline->index);
    unmap(&baseline->data);
    free(baseline);
}

/* Finds the parts of the index. They fill it to the last byte, and the names end with a NUL. */
static int find_parts(struct pyro_baseline *baseline)
{
    const struct pyro_baseline_header *header = (const void *)baseline->index.bytes;
    uint8_t sha256[PYRO_SHA256_SIZE];
    if (baseline->index.size < sizeof(*header) ||
        memcmp(header->magic, PYRO_BASELINE_MAGIC, sizeof(header->magic)) != 0 ||
        header->data_size != baseline->data.size)
        return -EBADMSG;
    size_t behind = baseline->index.size - sizeof(*header);
    if (header->names_size < 1 || header->names_size > behind ||
        (behind - header->names_size) % sizeof(*baseline->records) != 0 ||
        (behind - header->names_size) / sizeof(*baseline->records) != header->record_count)
        return -EBADMSG;
    pyro_sha256(header + 1, behind, sha256);
    baseline->records = (const void *)(header + 1);
    baseline->count = (size_t)header->record_count;
    baseline->names = (const char *)(baseline->records + baseline->count);
    baseline->names_size = (size_t)header->names_size;
    bool good = memcmp(sha256, header->sha256, sizeof(sha256)) == 0 &&
                baseline->names[baseline->names_size - 1] == '\0';
    return good ? 0 : -EBADMSG;
}

static bool record_is_good(const struct pyro_baseline *baseline,
                           const struct pyro_baseline_record *record)
{
    if (record->path >= baseline->names_size || record->target >= baseline->names_size ||
        (record->mode & ~(uint32_t)PYRO_TREE_MODE_MASK) || record->size > INT64_MAX)
        return false;
    const char *path = baseline->names + record->path, *target = baseline->names + record->target;
    if (*path == '\0' || !pyro_tree_path_is_safe(path) ||
        strnlen(target, PYRO_TREE_PATH_MAX + 1) > PYRO_TREE_PATH_MAX ||
        (record->kind == PYRO_TREE_SYMLINK) != (*target != '\0'))
        return false;
    if (record->text == PYRO_BASELINE_NO_TEXT)
        return record->kind >= PYRO_TREE_FILE && record->kind <= PYRO_TREE_SYMLINK;
    return record->kind == PYRO_TREE_FILE && record->size <= PYRO_TEXT_SIZE_MAX &&
           record->text <= baseline->data.size &&
           record->size <= baseline->data.size - record->text;
}

static int check_records(const struct pyro_baseline *baseline)
{
    const char *before = "";
    for (size_t i = 0; i < baseline->count; i++) {
        const struct pyro_baseline_record *record = &baseline->records[i];
        if (!record_is_good(baseline, record) ||
            strcmp(before, baseline->names + record->path) >= 0)
            return -EBADMSG;
        before = baseline->names + record->path;
    }
    return 0;
}

static int open_files(int bundle, struct pyro_baseline *baseline)
{
    int r = map_file(bundle, PYRO_BASELINE_INDEX, &baseline->index);
    if (r == 0)
        r = map_file(bundle, PYRO_BASELINE_DATA, &baseline->data);
    if (r == 0)
        r = find_parts(baseline);
    return r < 0 ? r : check_records(baseline);
}

int pyro_baseline_damaged(struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_SYSTEM, "the baseline of this workspace is damaged");
    return pyro_error_hint(error, "its changes cannot be told any more, but its files can still be "
                                  "exported; a new workspace gets a new baseline");
}

int pyro_baseline_open(int bundle, struct pyro_baseline **ret_baseline, struct pyro_error *error)
{
    struct pyro_baseline *baseline = calloc(1, sizeof(*baseline));
    if (!baseline)
        return pyro_error_no_memory(error);
    int r = open_files(bundle, baseline);
    if (r == 0) {
        *ret_baseline = baseline;
        return 0;
    }
    pyro_baseline_close(baseline);
    /* A file that is not there, or is something else now (a symlink: ELOOP), is damage too. */
    if (r == -EBADMSG || r == -ENOENT || r == -ELOOP)
        return pyro_baseline_damaged(error);
    return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                "cannot read the baseline of the workspace");
}

size_t pyro_baseline_count(const struct pyro_baseline *baseline)
{
    return baseline->count;
}

void pyro_baseline_get(const struct pyro_baseline *baseline, size_t index,
                       struct pyro_baseline_entry *ret_entry)
{
    const struct pyro_baseline_record *record = &baseline->records[index];
    bool is_text = record->text != PYRO_BASELINE_NO_TEXT;
    *ret_entry = (struct pyro_baseline_entry){
        .kind = record->kind,
        .mode = record->mode,
        .size = record->size,
        .mtime_ns = record->mtime_ns,
        .ctime_ns = record->ctime_ns,
        .inode = record->inode,
        .path = baseline->names + record->path,
        .target = baseline->names + record->target,
        .is_text = is_text,
        .text = is_text && baseline->data.bytes ? baseline->data.bytes + record->text : NULL};
    memcpy(ret_entry->sha256, record->sha256, sizeof(ret_entry->sha256));
}
