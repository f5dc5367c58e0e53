/* A record: u32 length of what follows, u8 type, then the type's fields. Texts carry their NUL, so
 * that they can be used where they lie. */
#include "wire/tree.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "wire/pack.h"

enum { LENGTH_SIZE = 4, HEADER_SIZE = LENGTH_SIZE + 1 };

bool pyro_tree_path_is_safe(const char *path)
{
    const char *at = path;
    if (*at == '\0')
        return true;
    if (strnlen(path, PYRO_TREE_PATH_MAX + 1) > PYRO_TREE_PATH_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(at, "/");
        bool dots = (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.');
        if (length == 0 || length > PYRO_TREE_NAME_MAX || dots)
            return false;
        at += length;
        if (*at == '\0')
            return true;
        at++;
    }
}

/* A text with its NUL, in place; NULL when it is none. */
static const char *unpack_text(struct pyro_unpack *in)
{
    uint32_t size;
    const uint8_t *at = pyro_unpack_bytes(in, PYRO_TREE_PATH_MAX + 1, &size);
    if (!at || size == 0 || memchr(at, 0, size) != at + size - 1) {
        in->failed = true;
        return "";
    }
    return (const char *)at;
}

static bool entry_is_good(const struct pyro_tree_entry *entry)
{
    bool has_target = entry->kind == PYRO_TREE_SYMLINK || entry->kind == PYRO_TREE_LINK;
    if (entry->kind < PYRO_TREE_FILE || entry->kind > PYRO_TREE_MISSING ||
        (entry->mode & ~(uint32_t)PYRO_TREE_MODE_MASK) || entry->size > INT64_MAX ||
        !pyro_tree_path_is_safe(entry->path) || has_target != (*entry->target != '\0'))
        return false;
    return entry->kind != PYRO_TREE_LINK || pyro_tree_path_is_safe(entry->target);
}

static void unpack_entry(struct pyro_unpack *in, struct pyro_tree_entry *entry)
{
    entry->kind = pyro_unpack_u8(in);
    entry->mode = pyro_unpack_u32(in);
    entry->size = pyro_unpack_u64(in);
    entry->mtime_ns = (int64_t)pyro_unpack_u64(in);
    entry->ctime_ns = (int64_t)pyro_unpack_u64(in);
    entry->inode = pyro_unpack_u64(in);
    entry->path = unpack_text(in);
    entry->target = unpack_text(in);
    if (!in->failed && !entry_is_good(entry))
        in->failed = true;
}

static void unpack_data(struct pyro_unpack *in, struct pyro_tree_data *data)
{
    data->offset = pyro_unpack_u64(in);
    data->size = (uint32_t)(in->end - in->at);
    data->bytes = pyro_unpack_raw(in, data->size);
    if (data->size == 0 || data->size > PYRO_TREE_DATA_MAX ||
        data->offset > (uint64_t)INT64_MAX - data->size)
        in->failed = true;
}

static void unpack_times(struct pyro_unpack *in, struct pyro_tree_times *times)
{
    times->mode = pyro_unpack_u32(in);
    times->mtime_ns = (int64_t)pyro_unpack_u64(in);
    times->path = unpack_text(in);
    if ((times->mode & ~(uint32_t)PYRO_TREE_MODE_MASK) || !pyro_tree_path_is_safe(times->path))
        in->failed = true;
}

static void unpack_result(struct pyro_unpack *in, struct pyro_tree_result *result)
{
    result->error = pyro_unpack_u32(in);
    result->inode = pyro_unpack_u64(in);
    result->ctime_ns = (int64_t)pyro_unpack_u64(in);
}

static bool window_is_good(const struct pyro_tree_window *window)
{
    enum { PAGE = 4096, MOST = 64 * 1024 * 1024 };
    return window->size <= MOST && window->size % (PYRO_TREE_WINDOW_SLICES * PAGE) == 0 &&
           window->address % PAGE == 0 && window->address <= (uint64_t)INT64_MAX - window->size;
}

static void unpack_window(struct pyro_unpack *in, struct pyro_tree_window *window)
{
    window->address = pyro_unpack_u64(in);
    window->size = pyro_unpack_u32(in);
    const uint8_t *mark = pyro_unpack_raw(in, sizeof(window->mark));
    if (mark)
        memcpy(window->mark, mark, sizeof(window->mark));
    if (!in->failed && !window_is_good(window))
        in->failed = true;
}

static bool placed_is_good(const struct pyro_tree_placed *placed)
{
    return placed->size > 0 && placed->offset <= (uint64_t)INT64_MAX - placed->size;
}

static void unpack_placed(struct pyro_unpack *in, struct pyro_tree_placed *placed)
{
    placed->offset = pyro_unpack_u64(in);
    placed->size = pyro_unpack_u32(in);
    if (!placed_is_good(placed))
        in->failed = true;
}

static int decode_whole(struct pyro_unpack *in, struct pyro_tree_record *record)
{
    record->type = pyro_unpack_u8(in);
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        unpack_entry(in, &record->entry);
        break;
    case PYRO_TREE_DATA:
        unpack_data(in, &record->data);
        break;
    case PYRO_TREE_DONE:
        record->done = pyro_unpack_u32(in);
        break;
    case PYRO_TREE_TIMES:
        unpack_times(in, &record->times);
        break;
    case PYRO_TREE_RESULT:
        unpack_result(in, &record->result);
        break;
    case PYRO_TREE_WINDOW:
        unpack_window(in, &record->window);
        break;
    case PYRO_TREE_PLACED:
        unpack_placed(in, &record->placed);
        break;
    case PYRO_TREE_END:
    case PYRO_TREE_TAKEN:
        break;
    default:
        return -EPROTO;
    }
    return pyro_unpack_done(in) ? 1 : -EPROTO;
}

int pyro_tree_decode(const uint8_t *bytes, size_t size, struct pyro_tree_record *ret_record)
{
    struct pyro_unpack head = pyro_unpack_init(bytes, MIN(size, (size_t)LENGTH_SIZE));
    if (size < HEADER_SIZE)
        return 0;
    uint32_t length = pyro_unpack_u32(&head);
    if (length == 0 || length > PYRO_TREE_RECORD_MAX - LENGTH_SIZE)
        return -EPROTO;
    if (size - LENGTH_SIZE < length)
        return 0;
    struct pyro_unpack in = pyro_unpack_init(bytes + LENGTH_SIZE, length);
    *ret_record = (struct pyro_tree_record){.size = LENGTH_SIZE + length};
    return decode_whole(&in, ret_record);
}

/* Begins a record of `length` bytes behind its type. Room for all of it is made first, so that what
 * follows cannot fail half-way. */
static int begin(struct pyro_pack *pack, enum pyro_tree_type type, size_t length)
{
    if (pyro_buffer_room(pack->out) < HEADER_SIZE + length)
        return -EOVERFLOW;
    if (!pyro_buffer_reserve(pack->out, HEADER_SIZE + length))
        return -ENOMEM;
    pyro_pack_u32(pack, (uint32_t)length + 1);
    pyro_pack_u8(pack, (uint8_t)type);
    return 0;
}

static void pack_text(struct pyro_pack *pack, const char *text)
{
    pyro_pack_bytes(pack, text, strlen(text) + 1);
}

int pyro_tree_entry_pack(struct pyro_buffer *out, const struct pyro_tree_entry *entry)
{
    struct pyro_pack pack = {.out = out};
    size_t target_size = strnlen(entry->target, PYRO_TREE_PATH_MAX + 1);
    if (!entry_is_good(entry) || target_size > PYRO_TREE_PATH_MAX)
        return -EINVAL;
    int r = begin(&pack, PYRO_TREE_ENTRY,
                  1 + 4 + 4 * 8 + 2 * 4 + strlen(entry->path) + 1 + target_size + 1);
    if (r < 0)
        return r;
    pyro_pack_u8(&pack, (uint8_t)entry->kind);
    pyro_pack_u32(&pack, entry->mode);
    pyro_pack_u64(&pack, entry->size);
    pyro_pack_u64(&pack, (uint64_t)entry->mtime_ns);
    pyro_pack_u64(&pack, (uint64_t)entry->ctime_ns);
    pyro_pack_u64(&pack, entry->inode);
    pack_text(&pack, entry->path);
    pack_text(&pack, entry->target);
    return pack.failed ? -ENOMEM : 0;
}

void pyro_tree_data_header(uint8_t ret_header[PYRO_TREE_DATA_HEADER_SIZE], uint64_t offset,
                           uint32_t size)
{
    uint32_t length = 1 + 8 + size;
    for (unsigned i = 0; i < 4; i++)
        ret_header[i] = (uint8_t)(length >> (8 * i));
    ret_header[4] = PYRO_TREE_DATA;
    for (unsigned i = 0; i < 8; i++)
        ret_header[5 + i] = (uint8_t)(offset >> (8 * i));
}

int pyro_tree_data_pack(struct pyro_buffer *out, uint64_t offset, const void *bytes, size_t size)
{
    struct pyro_pack pack = {.out = out};
    if (size == 0 || size > PYRO_TREE_DATA_MAX || offset > (uint64_t)INT64_MAX - size)
        return -EINVAL;
    int r = begin(&pack, PYRO_TREE_DATA, 8 + size);
    if (r < 0)
        return r;
    pyro_pack_u64(&pack, offset);
    pyro_pack_raw(&pack, bytes, size);
    return pack.failed ? -ENOMEM : 0;
}

int pyro_tree_done_pack(struct pyro_buffer *out, uint32_t error)
{
    struct pyro_pack pack = {.out = out};
    int r = begin(&pack, PYRO_TREE_DONE, 4);
    if (r == 0)
        pyro_pack_u32(&pack, error);
    return r;
}

int pyro_tree_times_pack(struct pyro_buffer *out, const struct pyro_tree_times *times)
{
    struct pyro_pack pack = {.out = out};
    if ((times->mode & ~(uint32_t)PYRO_TREE_MODE_MASK) || !pyro_tree_path_is_safe(times->path))
        return -EINVAL;
    int r = begin(&pack, PYRO_TREE_TIMES, 4 + 8 + 4 + strlen(times->path) + 1);
    if (r < 0)
        return r;
    pyro_pack_u32(&pack, times->mode);
    pyro_pack_u64(&pack, (uint64_t)times->mtime_ns);
    pack_text(&pack, times->path);
    return pack.failed ? -ENOMEM : 0;
}

int pyro_tree_result_pack(struct pyro_buffer *out, const struct pyro_tree_result *result)
{
    struct pyro_pack pack = {.out = out};
    int r = begin(&pack, PYRO_TREE_RESULT, 4 + 2 * 8);
    if (r < 0)
        return r;
    pyro_pack_u32(&pack, result->error);
    pyro_pack_u64(&pack, result->inode);
    pyro_pack_u64(&pack, (uint64_t)result->ctime_ns);
    return pack.failed ? -ENOMEM : 0;
}

int pyro_tree_end_pack(struct pyro_buffer *out)
{
    struct pyro_pack pack = {.out = out};
    return begin(&pack, PYRO_TREE_END, 0);
}

int pyro_tree_window_pack(struct pyro_buffer *out, const struct pyro_tree_window *window)
{
    struct pyro_pack pack = {.out = out};
    if (!window_is_good(window))
        return -EINVAL;
    int r = begin(&pack, PYRO_TREE_WINDOW, 8 + 4 + sizeof(window->mark));
    if (r < 0)
        return r;
    pyro_pack_u64(&pack, window->address);
    pyro_pack_u32(&pack, window->size);
    pyro_pack_raw(&pack, window->mark, sizeof(window->mark));
    return pack.failed ? -ENOMEM : 0;
}

int pyro_tree_placed_pack(struct pyro_buffer *out, const struct pyro_tree_placed *placed)
{
    struct pyro_pack pack = {.out = out};
    if (!placed_is_good(placed))
        return -EINVAL;
    int r = begin(&pack, PYRO_TREE_PLACED, 8 + 4);
    if (r < 0)
        return r;
    pyro_pack_u64(&pack, placed->offset);
    pyro_pack_u32(&pack, placed->size);
    return pack.failed ? -ENOMEM : 0;
}

int pyro_tree_taken_pack(struct pyro_buffer *out)
{
    struct pyro_pack pack = {.out = out};
    return begin(&pack, PYRO_TREE_TAKEN, 0);
}

int pyro_tree_record_pack(struct pyro_buffer *out, const struct pyro_tree_record *record)
{
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        return pyro_tree_entry_pack(out, &record->entry);
    case PYRO_TREE_DATA:
        return pyro_tree_data_pack(out, record->data.offset, record->data.bytes, record->data.size);
    case PYRO_TREE_DONE:
        return pyro_tree_done_pack(out, record->done);
    case PYRO_TREE_TIMES:
        return pyro_tree_times_pack(out, &record->times);
    case PYRO_TREE_RESULT:
        return pyro_tree_result_pack(out, &record->result);
    case PYRO_TREE_END:
        return pyro_tree_end_pack(out);
    case PYRO_TREE_WINDOW:
        return pyro_tree_window_pack(out, &record->window);
    case PYRO_TREE_PLACED:
        return pyro_tree_placed_pack(out, &record->placed);
    case PYRO_TREE_TAKEN:
        return pyro_tree_taken_pack(out);
    }
    return -EINVAL;
}
