/* A tar archive as a source. Nobody vouches for what is in it: all names are known before one is
 * handed out, so that nothing goes through a link, comes twice, or leads out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/archive_source.h"
#include "workspace/host_file.h"
#include "workspace/show.h"

enum { GZIP_MAGIC_0 = 0x1f, GZIP_MAGIC_1 = 0x8b };

/* ---- reading ---- */

static la_ssize_t on_read(struct archive *archive, void *userdata, const void **ret_bytes)
{
    struct pyro_archive_source *self = userdata;
    long got = pyro_archive_stream_read(&self->stream, ret_bytes);
    if (got < 0) { /* on_failure() will know better than this text */
        archive_set_error(archive, EIO, "the file cannot be read");
        return ARCHIVE_FATAL;
    }
    return got;
}

static bool was_changed(const struct pyro_archive_source *self)
{
    struct stat now;
    return fstat(self->fd, &now) == 0 && !pyro_host_file_is_same(&self->status, &now);
}

/* Says why reading failed. */
static int on_failure(struct pyro_archive_source *self, struct pyro_error *error)
{
    struct pyro_tree_source *source = &self->source;
    const struct pyro_archive_stream *stream = &self->stream;
    const char *reason = archive_error_string(self->archive);
    if (stream->errnum || stream->problem)
        *source->path = '\0'; /* no fault of the entry that is read just now */
    if (was_changed(self))
        return pyro_source_changed(source, error);
    if (stream->errnum == ENOMEM || archive_errno(self->archive) == ENOMEM)
        return pyro_error_no_memory(error);
    if (stream->errnum)
        return pyro_source_unreadable(source, stream->errnum, error);
    if (stream->problem)
        pyro_source_refuse(source, error, "%s", stream->problem);
    else if (source->entry_count == 0 && !self->is_in_file && stream->nonzero_size > 0 &&
             archive_format(self->archive) == 0)
        pyro_source_refuse(source, error, "it is no tar archive");
    else
        pyro_source_refuse(source, error, "the archive is damaged: %s",
                           reason ? reason : "it cannot be read");
    return pyro_error_hint(error, "pack it anew, or unpack it and push the directory");
}

/* Goes to the next header: 1, 0 at the end, -1. */
static int read_header(struct pyro_archive_source *self, struct pyro_error *error)
{
    *self->source.path = '\0';
    if (self->header) {
        pyro_archive_stream_allow(&self->stream, UINT64_MAX);
        if (archive_read_data_skip(self->archive) != ARCHIVE_OK)
            return on_failure(self, error);
    }
    pyro_archive_stream_allow(&self->stream, PYRO_STREAM_HEADER_MAX);
    int r = pyro_tar_next_header(self->archive, &self->header);
    if (r == ARCHIVE_OK)
        return 1;
    if (r != ARCHIVE_EOF)
        return on_failure(self, error);
    uint64_t end = (uint64_t)archive_read_header_position(self->archive);
    if (pyro_archive_stream_end(&self->stream, end) < 0)
        return on_failure(self, error);
    return was_changed(self) ? pyro_source_changed(&self->source, error) : 0;
}

/* ---- handing out ---- */

static int add_name(struct pyro_archive_source *self, const char *name, size_t length,
                    enum pyro_tree_kind kind, struct pyro_node **ret_node, struct pyro_error *error)
{
    int r = pyro_tree_add(&self->names, self->parent, name, length, ret_node);
    if (r == -EOVERFLOW)
        return pyro_source_too_much(&self->source, "1000000 entries", error);
    if (r < 0)
        return pyro_error_no_memory(error);
    (*ret_node)->type = (uint8_t)kind;
    if (kind == PYRO_TREE_LINK)
        (*ret_node)->inode = self->link_count - 1;
    if (kind == PYRO_TREE_DIRECTORY &&
        pyro_directories_add(&self->source.directories, self->parent->inode, (*ret_node)->name,
                             &(*ret_node)->inode) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

static void set_times(struct pyro_archive_source *self, const struct pyro_node *node, uint32_t mode)
{
    struct pyro_directory *directory = &self->source.directories.items[node->inode];
    directory->mode = mode;
    directory->mtime_ns = self->entry.mtime_ns;
}

/* Hands out a directory around the pending entry that the archive does not list before it. */
static int take_parent(struct pyro_archive_source *self, const char *name, size_t length,
                       struct pyro_tree_record *record, struct pyro_error *error)
{
    struct pyro_node *node;
    self->source.path[(size_t)(name - self->path) + length] = '\0';
    if (add_name(self, name, length, PYRO_TREE_DIRECTORY, &node, error) < 0)
        return -1;
    set_times(self, node, 0755);
    self->parent = node;
    record->type = PYRO_TREE_ENTRY;
    record->entry = (struct pyro_tree_entry){.kind = PYRO_TREE_DIRECTORY,
                                             .mode = 0755,
                                             .mtime_ns = self->entry.mtime_ns,
                                             .path = self->source.path,
                                             .target = ""};
    return 1;
}

/* The name is there already: 0 for a directory that comes again, which just gets its mode and time
 * (as it does when it was needed before it came). Files are not replaced: what was handed out is
 * in the guest already. */
static int take_again(struct pyro_archive_source *self, const struct pyro_node *node,
                      struct pyro_error *error)
{
    if (node->type == PYRO_TREE_DIRECTORY && self->entry.kind == PYRO_TREE_DIRECTORY) {
        set_times(self, node, self->entry.mode);
        return 0;
    }
    pyro_source_refuse(&self->source, error, "comes twice in the archive");
    return pyro_error_hint(error, "pack it anew, or unpack it and push the directory");
}

/* Hands out the pending entry itself. */
static int take_last(struct pyro_archive_source *self, const char *name,
                     struct pyro_tree_record *record, struct pyro_error *error)
{
    struct pyro_node *node = pyro_tree_find(&self->names, self->parent, name, strlen(name));
    self->is_pending = false;
    if (node)
        return take_again(self, node, error);
    if (self->entry.kind == PYRO_TREE_LINK && pyro_archive_resolve_link(self, error) < 0)
        return -1;
    if (add_name(self, name, strlen(name), self->entry.kind, &node, error) < 0)
        return -1;
    if (self->entry.kind == PYRO_TREE_DIRECTORY)
        set_times(self, node, self->entry.mode);
    self->is_in_file = self->entry.kind == PYRO_TREE_FILE;
    self->file_size = self->entry.size;
    self->offset = self->run_size = 0;
    record->type = PYRO_TREE_ENTRY;
    record->entry = self->entry;
    return 1;
}

static int refuse_way(struct pyro_archive_source *self, const struct pyro_node *node,
                      struct pyro_error *error)
{
    pyro_source_refuse(&self->source, error, "lies below %s, which is %s in the archive",
                       pyro_show_path(node->name).text,
                       node->type == PYRO_TREE_SYMLINK ? "a symlink" : "a file");
    return pyro_error_hint(error, "pack it anew, or unpack it and push the directory");
}

/* Goes on towards the pending entry: 1 and a record, 0 when there is nothing to hand out, -1. */
static int take_pending(struct pyro_archive_source *self, struct pyro_tree_record *record,
                        struct pyro_error *error)
{
    strcpy(self->source.path, self->path); /* take_parent() cuts it */
    for (;;) {
        const char *name = self->path + self->walked;
        size_t length = strcspn(name, "/");
        if (name[length] == '\0')
            return take_last(self, name, record, error);
        struct pyro_node *node = pyro_tree_find(&self->names, self->parent, name, length);
        self->walked += length + 1;
        if (!node)
            return take_parent(self, name, length, record, error);
        if (node->type != PYRO_TREE_DIRECTORY)
            return refuse_way(self, node, error);
        self->parent = node;
    }
}

/* ---- a file's data ---- */

/* The next run of data: 1, 0 at the end of the file, -1. */
static int read_run(struct pyro_archive_source *self, struct pyro_error *error)
{
    const void *bytes;
    size_t size;
    int64_t offset;
    do {
        /* The map of a file's holes may come only now. */
        pyro_archive_stream_allow(&self->stream, PYRO_STREAM_HEADER_MAX);
        int r = archive_read_data_block(self->archive, &bytes, &size, &offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK)
            return on_failure(self, error);
    } while (size == 0);
    if (offset < 0 || (uint64_t)offset < self->offset || (uint64_t)offset > self->file_size ||
        size > self->file_size - (uint64_t)offset)
        return pyro_source_refuse(&self->source, error, "its data lies outside of it");
    self->run = bytes;
    self->run_size = size;
    self->offset = (uint64_t)offset;
    return 1;
}

static int take_data(struct pyro_archive_source *self, struct pyro_tree_record *record,
                     struct pyro_error *error)
{
    int r = self->run_size > 0 ? 1 : read_run(self, error);
    if (r < 0)
        return -1;
    if (r == 0) {
        self->is_in_file = false;
        record->type = PYRO_TREE_DONE;
        return 1;
    }
    uint32_t size = (uint32_t)MIN(self->run_size, (size_t)PYRO_TREE_DATA_MAX);
    record->type = PYRO_TREE_DATA;
    record->data =
        (struct pyro_tree_data){.offset = self->offset, .bytes = self->run, .size = size};
    self->run += size;
    self->run_size -= size;
    self->offset += size;
    return 1;
}

/* ---- the kind ---- */

static int next(struct pyro_tree_source *source, struct pyro_tree_record *record,
                struct pyro_error *error)
{
    struct pyro_archive_source *self = (struct pyro_archive_source *)source;
    int r = 0;
    if (self->is_in_file)
        return take_data(self, record, error);
    while (r == 0) {
        if (!self->is_pending) {
            r = read_header(self, error);
            if (r <= 0)
                return r;
            if (pyro_archive_take_header(self, error) < 0)
                return -1;
        }
        r = self->is_pending ? take_pending(self, record, error) : 0;
    }
    return r;
}

static void finish(struct pyro_tree_source *source)
{
    struct pyro_archive_source *self = (struct pyro_archive_source *)source;
    if (self->archive)
        archive_read_free(self->archive);
    pyro_archive_stream_finish(&self->stream);
    pyro_tree_finish(&self->names);
    free(self->links);
    close(self->fd);
}

static const struct pyro_tree_source_kind archive_kind = {
    .mode = "tar_archive", .next = next, .finish = finish};

/* ---- opening ---- */

static bool is_named_gzip(const char *given)
{
    size_t length = strlen(given);
    return length < 4 || strcmp(given + length - 4, ".tar") != 0;
}

/* The name says what it should be, the first bytes say what it is. */
static int check_start(struct pyro_archive_source *self, bool is_gzip, struct pyro_error *error)
{
    uint8_t magic[2] = {0};
    ssize_t got = pread(self->fd, magic, sizeof(magic), 0);
    if (got < 0)
        return pyro_source_unreadable(&self->source, errno, error);
    if (got == 0)
        return pyro_source_refuse(&self->source, error, "the file is empty");
    bool looks_gzip = magic[0] == GZIP_MAGIC_0 && magic[1] == GZIP_MAGIC_1;
    if (looks_gzip == is_gzip)
        return 0;
    pyro_source_refuse(&self->source, error, "its data is %s gzip's, other than its name says",
                       looks_gzip ? "" : "not");
    return pyro_error_hint(error, "name it *.tar when it is not compressed, *.tar.gz or *.tgz when "
                                  "it is, by gzip");
}

static int open_archive(struct pyro_archive_source *self, bool is_gzip, struct pyro_error *error)
{
    if (fstat(self->fd, &self->status) < 0)
        return pyro_source_unreadable(&self->source, errno, error);
    if (check_start(self, is_gzip, error) < 0)
        return -1;
    uint64_t size = (uint64_t)self->status.st_size;
    self->archive = archive_read_new();
    if (!self->archive || pyro_archive_stream_init(&self->stream, self->fd, size, is_gzip) < 0 ||
        pyro_tree_init(&self->names, PYRO_DIRECTORY_ROOT, PYRO_TREE_DIRECTORY) < 0)
        return pyro_error_no_memory(error);
    if (archive_read_support_format_tar(self->archive) != ARCHIVE_OK ||
        archive_read_open(self->archive, self, NULL, on_read, NULL) != ARCHIVE_OK)
        return on_failure(self, error);
    return 0;
}

int pyro_source_archive_open_here(int fd, const char *given, const char *field,
                                  struct pyro_tree_source **ret_source, struct pyro_error *error)
{
    struct pyro_archive_source *self = calloc(1, sizeof(*self));
    if (!self) {
        close(fd);
        return pyro_error_no_memory(error);
    }
    self->fd = fd;
    int r = pyro_source_init(&self->source, &archive_kind, given, field, error);
    if (r == 0)
        r = open_archive(self, is_named_gzip(given), error);
    if (r < 0)
        pyro_tree_source_close(&self->source);
    else
        *ret_source = &self->source;
    return r;
}
