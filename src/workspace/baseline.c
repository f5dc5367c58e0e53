/* Collecting a baseline while its tree is sent. All records stay in memory, because only the end
 * tells which of two with the same path counts; texts go to the file. */
#include "workspace/baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "workspace/baseline_file.h"

enum {
    NAMES_MAX = 1 << 30,
    TEXTS_FLUSH = PYRO_TEXT_SIZE_MAX, /* fewer, larger writes */
    TEXTS_MAX = TEXTS_FLUSH + PYRO_TEXT_SIZE_MAX,
};

static int fail(int errnum, struct pyro_error *error)
{
    return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errnum,
                                "cannot write the baseline of the workspace");
}

int pyro_baseline_create(int bundle, struct pyro_baseline_writer **ret_writer,
                         struct pyro_error *error)
{
    struct pyro_baseline_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return pyro_error_no_memory(error);
    writer->bundle = bundle;
    pyro_buffer_init(&writer->names, NAMES_MAX);
    pyro_buffer_init(&writer->texts, TEXTS_MAX);
    /* What a killed writer left is in nobody's way. */
    unlinkat(bundle, PYRO_BASELINE_DATA ".new", 0);
    writer->data_fd = openat(bundle, PYRO_BASELINE_DATA ".new",
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    int r = writer->data_fd < 0 ? -errno : 0;
    pyro_content_init(&writer->content, &writer->texts);
    if (r == 0)
        r = pyro_buffer_append(&writer->names, "", 1); /* offset 0: the target of most */
    if (r < 0) {
        pyro_baseline_destroy(writer);
        return fail(r, error);
    }
    *ret_writer = writer;
    return 0;
}

void pyro_baseline_destroy(struct pyro_baseline_writer *writer)
{
    if (!writer)
        return;
    if (writer->data_fd >= 0) {
        unlinkat(writer->bundle, PYRO_BASELINE_DATA ".new", 0);
        close(writer->data_fd);
    }
    pyro_buffer_finish(&writer->names);
    pyro_buffer_finish(&writer->texts);
    free(writer->records);
    free(writer);
}

int pyro_baseline_flush(struct pyro_baseline_writer *writer)
{
    struct pyro_buffer *texts = &writer->texts;
    if (texts->size == 0)
        return 0;
    int r = pyro_fd_write_all(writer->data_fd, pyro_buffer_data(texts), texts->size);
    writer->data_size += texts->size;
    pyro_buffer_consume(texts, texts->size);
    return r;
}

static int add_name(struct pyro_baseline_writer *writer, const char *name, uint32_t *ret_offset)
{
    *ret_offset = *name == '\0' ? 0 : (uint32_t)writer->names.size;
    return *name == '\0' ? 0 : pyro_buffer_append(&writer->names, name, strlen(name) + 1);
}

static int add_record(struct pyro_baseline_writer *writer, const char *path, const char *target,
                      const struct pyro_baseline_record *record)
{
    if (writer->count == writer->capacity) {
        size_t capacity = MAX(writer->capacity * 2, (size_t)256);
        void *records = realloc(writer->records, capacity * sizeof(*writer->records));
        if (!records)
            return -ENOMEM;
        writer->records = records;
        writer->capacity = capacity;
    }
    struct pyro_baseline_record *place = &writer->records[writer->count];
    *place = *record;
    place->text = PYRO_BASELINE_NO_TEXT;
    int r = add_name(writer, path, &place->path);
    if (r == 0)
        r = add_name(writer, target, &place->target);
    writer->count += r == 0;
    return r;
}

static int add_entry(struct pyro_baseline_writer *writer, const struct pyro_tree_entry *entry)
{
    bool is_file = entry->kind == PYRO_TREE_FILE;
    struct pyro_baseline_record record = {.kind = entry->kind,
                                          .mode = entry->mode,
                                          .size = is_file ? entry->size : 0,
                                          .mtime_ns = entry->mtime_ns};
    int r = writer->in_file ? -EPROTO : add_record(writer, entry->path, entry->target, &record);
    if (r == 0 && is_file)
        pyro_content_begin(&writer->content, entry->size);
    writer->in_file = is_file;
    return r;
}

static int add_times(struct pyro_baseline_writer *writer, const struct pyro_tree_times *times)
{
    struct pyro_baseline_record record = {
        .kind = PYRO_BASELINE_TIMES, .mode = times->mode, .mtime_ns = times->mtime_ns};
    return add_record(writer, times->path, "", &record);
}

static int end_file(struct pyro_baseline_writer *writer)
{
    struct pyro_baseline_record *record = &writer->records[writer->count - 1];
    int r = pyro_content_end(&writer->content, record->sha256);
    if (r < 0)
        return r;
    writer->in_file = false;
    if (!pyro_content_is_text(&writer->content)) {
        pyro_content_drop(&writer->content);
        return 0;
    }
    record->text = writer->data_size + writer->content.start;
    return writer->texts.size >= TEXTS_FLUSH ? pyro_baseline_flush(writer) : 0;
}

int pyro_baseline_add(struct pyro_baseline_writer *writer, const struct pyro_tree_record *record,
                      struct pyro_error *error)
{
    int r = -EPROTO;
    if (record->type == PYRO_TREE_ENTRY)
        r = add_entry(writer, &record->entry);
    else if (record->type == PYRO_TREE_TIMES)
        r = add_times(writer, &record->times);
    else if (record->type == PYRO_TREE_DATA && writer->in_file)
        r = pyro_content_add(&writer->content, &record->data);
    else if (record->type == PYRO_TREE_DONE && writer->in_file)
        r = end_file(writer);
    return r < 0 ? fail(r, error) : 0;
}

void pyro_baseline_note(struct pyro_baseline_writer *writer, const struct pyro_tree_result *result)
{
    while (writer->noted < writer->count &&
           writer->records[writer->noted].kind == PYRO_BASELINE_TIMES)
        writer->noted++;
    if (writer->noted == writer->count)
        return;
    struct pyro_baseline_record *record = &writer->records[writer->noted++];
    if (result->error == 0) {
        record->inode = result->inode;
        record->ctime_ns = result->ctime_ns;
    }
}
