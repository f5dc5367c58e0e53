/* What may follow what in the guest's stream, and what is in its files. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "workspace/sink_parts.h"

static int take_data(struct pyro_tree_sink *sink, const struct pyro_tree_data *data,
                     struct pyro_error *error)
{
    struct pyro_sink_file *file = &sink->file;
    if (file->fd < 0)
        return pyro_sink_not_a_tree(sink, error, "data that belongs to no file");
    if (data->offset < file->position || data->offset > file->size ||
        data->size > file->size - data->offset)
        return pyro_sink_not_a_tree(sink, error, "data of %s out of order or behind its end",
                                    pyro_sink_show(file->path).text);
    if (data->size > PYRO_SINK_BYTES_MAX - sink->bytes_written)
        return pyro_sink_refuse_size(sink, error, "it has more than 32 GiB of data");
    int r = pyro_fd_write_all_at(file->fd, data->bytes, data->size, data->offset);
    if (r < 0)
        return pyro_sink_fail_entry(sink, file->path, r, error);
    file->position = data->offset + data->size;
    sink->bytes_written += data->size;
    return 0;
}

/* The guest says why a file is not to be taken for whole; the number may be anything. */
static int fail_reading(struct pyro_tree_sink *sink, uint32_t errnum, struct pyro_error *error)
{
    const char *goal = sink->goal.shown.text;
    struct pyro_shown_path shown = pyro_sink_show(sink->file.path);
    if (errnum == ESTALE) {
        pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                       "exporting to %s: %s changed in the guest while it was read", goal,
                       shown.text);
        return pyro_error_hint(error, "try again when nothing writes to it");
    }
    const char *reason = errnum <= INT_MAX ? strerrordesc_np((int)errnum) : NULL;
    pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                   "exporting to %s: cannot read %s in the guest: %s", goal, shown.text,
                   reason ? reason : "it does not say why");
    return pyro_error_hint(error, "look at it in the guest, or export something without it");
}

static int finish_file(struct pyro_sink_file *file)
{
    if (file->position < file->size && ftruncate(file->fd, (off_t)file->size) < 0)
        return -errno;
    int r = pyro_sink_seal(file->fd, file->mode, file->mtime_ns);
    if (close(steal_fd(&file->fd)) < 0 && r == 0)
        r = -errno; /* some network file systems say only now that there is no room */
    return r;
}

static int take_done(struct pyro_tree_sink *sink, uint32_t errnum, struct pyro_error *error)
{
    if (sink->file.fd < 0)
        return pyro_sink_not_a_tree(sink, error, "the end of a file that did not begin");
    if (errnum != 0)
        return fail_reading(sink, errnum, error);
    int r = finish_file(&sink->file);
    if (r < 0)
        return pyro_sink_fail_entry(sink, sink->file.path, r, error);
    sink->entry_count++;
    return 0;
}

int pyro_sink_take_end(struct pyro_tree_sink *sink, struct pyro_error *error)
{
    if (sink->kind == 0)
        return pyro_sink_not_a_tree(sink, error, "nothing at all");
    if (sink->file.fd >= 0)
        return pyro_sink_not_a_tree(sink, error, "it ends before %s is done",
                                    pyro_sink_show(sink->file.path).text);
    return 0;
}

int pyro_sink_take(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error)
{
    struct pyro_tree_sink *sink = userdata;
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        return pyro_sink_take_entry(sink, &record->entry, error);
    case PYRO_TREE_DATA:
        return take_data(sink, &record->data, error);
    case PYRO_TREE_DONE:
        return take_done(sink, record->done, error);
    default:
        return pyro_sink_not_a_tree(sink, error, "a record that does not belong there");
    }
}
