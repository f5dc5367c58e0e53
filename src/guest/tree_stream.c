#include "guest/tree_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "guest/tree.h"
#include "wire/pack.h"

enum {
    READ_SIZE = 256 * 1024, /* as much as a command's pipe holds */
    /* Several reads, so that the piece of a record that is left at the end is seldom moved. */
    INPUT_SIZE = 4 * READ_SIZE,
    OUTPUT_FULL = 192 * 1024,
    OUTPUT_SIZE = OUTPUT_FULL + PYRO_TREE_RECORD_MAX,
    NS_PER_S = 1000000000,
};

int64_t pyro_tree_time_ns(const struct timespec *time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, (int64_t)NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
        return time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

void pyro_tree_mtime(int64_t mtime_ns, struct timespec ret_times[2])
{
    struct timespec time = {.tv_sec = mtime_ns / NS_PER_S, .tv_nsec = mtime_ns % NS_PER_S};
    if (time.tv_nsec < 0) {
        time.tv_sec--;
        time.tv_nsec += NS_PER_S;
    }
    ret_times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    ret_times[1] = time;
}

int pyro_tree_input_init(struct pyro_tree_input *in)
{
    *in = (struct pyro_tree_input){0};
    pyro_buffer_init(&in->buffer, INPUT_SIZE);
    return pyro_buffer_reserve(&in->buffer, INPUT_SIZE) ? 0 : -ENOMEM;
}

void pyro_tree_input_finish(struct pyro_tree_input *in)
{
    pyro_buffer_finish(&in->buffer);
}

int pyro_tree_input_fail(int error)
{
    if (error == -EPROTO)
        return pyro_own_say("the stream of records is malformed");
    if (error == -ENODATA)
        return pyro_own_say("the stream of records ended too early");
    return pyro_own_say("cannot read the stream of records: %s", strerror(-error));
}

/* A DATA record of which at least all before the data is here: as pyro_tree_decode(). */
static int decode_begun(struct pyro_tree_input *in, struct pyro_tree_record *ret_record)
{
    enum { COUNTED = 9 }; /* the length counts type and offset */
    const uint8_t *bytes = pyro_buffer_data(&in->buffer);
    size_t here = in->buffer.size - PYRO_TREE_DATA_HEADER_SIZE;
    struct pyro_unpack head = pyro_unpack_init(bytes, PYRO_TREE_DATA_HEADER_SIZE);
    uint32_t size = pyro_unpack_u32(&head) - COUNTED;
    pyro_unpack_u8(&head);
    uint64_t offset = pyro_unpack_u64(&head);
    if (size > PYRO_TREE_DATA_MAX || offset > (uint64_t)INT64_MAX - size)
        return -EPROTO;
    in->missing = size - here;
    in->handed = in->buffer.size;
    ret_record->type = PYRO_TREE_DATA;
    ret_record->data = (struct pyro_tree_data){
        .offset = offset, .bytes = bytes + PYRO_TREE_DATA_HEADER_SIZE, .size = size};
    return 1;
}

static int decode(struct pyro_tree_input *in, struct pyro_tree_record *ret_record)
{
    enum { TYPE_AT = 4 };
    const uint8_t *bytes = pyro_buffer_data(&in->buffer);
    int r = pyro_tree_decode(bytes, in->buffer.size, ret_record);
    if (r == 1)
        in->handed = ret_record->size;
    if (r != 0 || !in->piecemeal || in->buffer.size < PYRO_TREE_DATA_HEADER_SIZE ||
        bytes[TYPE_AT] != PYRO_TREE_DATA)
        return r;
    return decode_begun(in, ret_record);
}

int pyro_tree_input_next(struct pyro_tree_input *in, struct pyro_tree_record *ret_record)
{
    pyro_buffer_consume(&in->buffer, in->handed);
    in->handed = in->missing = 0;
    for (;;) {
        int r = decode(in, ret_record);
        if (r > 0)
            return 0;
        if (r < 0)
            return pyro_tree_input_fail(r);
        size_t most = in->piecemeal && in->buffer.size < PYRO_TREE_DATA_HEADER_SIZE
                          ? PYRO_TREE_DATA_HEADER_SIZE - in->buffer.size
                          : READ_SIZE;
        long got = pyro_buffer_read(&in->buffer, STDIN_FILENO, most);
        if (got <= 0)
            return pyro_tree_input_fail(got < 0 ? (int)got : -ENODATA);
    }
}

/* With the last of the missing bytes comes what is before the data of the next record. */
int pyro_tree_input_read(struct pyro_tree_input *in, uint8_t *ret_bytes, size_t size)
{
    pyro_buffer_consume(&in->buffer, in->handed);
    in->handed = 0;
    while (size > 0) {
        struct iovec parts[] = {
            {.iov_base = ret_bytes, .iov_len = size},
            {.iov_base = pyro_buffer_reserve(&in->buffer, PYRO_TREE_DATA_HEADER_SIZE),
             .iov_len = PYRO_TREE_DATA_HEADER_SIZE},
        };
        ssize_t got = readv(STDIN_FILENO, parts, size == in->missing ? 2 : 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        size_t ours = MIN((size_t)got, size);
        pyro_buffer_commit(&in->buffer, (size_t)got - ours);
        ret_bytes += ours;
        size -= ours;
        in->missing -= ours;
    }
    return 0;
}

int pyro_tree_output_init(struct pyro_tree_output *out)
{
    out->error = 0;
    pyro_buffer_init(&out->buffer, OUTPUT_SIZE);
    return pyro_buffer_reserve(&out->buffer, OUTPUT_SIZE) ? 0 : -ENOMEM;
}

void pyro_tree_output_finish(struct pyro_tree_output *out)
{
    pyro_buffer_finish(&out->buffer);
}

int pyro_tree_output_flush(struct pyro_tree_output *out)
{
    if (out->error == 0)
        out->error =
            pyro_fd_write_all(STDOUT_FILENO, pyro_buffer_data(&out->buffer), out->buffer.size);
    pyro_buffer_consume(&out->buffer, out->buffer.size);
    return out->error;
}

/* `r` is of the function that packed a record. The next one fits afterwards. */
static int put(struct pyro_tree_output *out, int r)
{
    if (out->error == 0)
        out->error = r;
    if (out->buffer.size >= OUTPUT_FULL)
        pyro_tree_output_flush(out);
    return out->error;
}

int pyro_tree_put_entry(struct pyro_tree_output *out, const struct pyro_tree_entry *entry)
{
    return put(out, pyro_tree_entry_pack(&out->buffer, entry));
}

int pyro_tree_put_result(struct pyro_tree_output *out, const struct pyro_tree_result *result)
{
    return put(out, pyro_tree_result_pack(&out->buffer, result));
}

int pyro_tree_put_window(struct pyro_tree_output *out, const struct pyro_tree_window *window)
{
    return put(out, pyro_tree_window_pack(&out->buffer, window));
}

int pyro_tree_put_taken(struct pyro_tree_output *out)
{
    return put(out, pyro_tree_taken_pack(&out->buffer));
}

int pyro_tree_put_done(struct pyro_tree_output *out, uint32_t error)
{
    return put(out, pyro_tree_done_pack(&out->buffer, error));
}

/* The bytes from `offset` to `end`, read straight into their records. 0 or the errno for DONE. */
static int put_run(struct pyro_tree_output *out, int fd, uint64_t offset, uint64_t end)
{
    while (offset < end && out->error == 0) {
        size_t most = (size_t)MIN(end - offset, (uint64_t)PYRO_TREE_DATA_MAX);
        uint8_t *record =
            pyro_buffer_reserve(&out->buffer, PYRO_TREE_DATA_HEADER_SIZE + PYRO_TREE_DATA_MAX);
        ssize_t got = pread(fd, record + PYRO_TREE_DATA_HEADER_SIZE, most, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : ESTALE;
        pyro_tree_data_header(record, offset, (uint32_t)got);
        pyro_buffer_commit(&out->buffer, PYRO_TREE_DATA_HEADER_SIZE + (size_t)got);
        put(out, 0);
        offset += (uint64_t)got;
    }
    return 0;
}

/* Finds the next run of data at or behind `offset`. False when only a hole is left. */
static bool find_run(int fd, uint64_t *offset, uint64_t size, uint64_t *ret_end)
{
    off_t data = lseek(fd, (off_t)*offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return false;
    if (data < 0)
        data = (off_t)*offset; /* a file system that cannot tell: all of it is data */
    off_t hole = lseek(fd, data, SEEK_HOLE);
    *offset = (uint64_t)data;
    *ret_end = hole < 0 ? size : MIN((uint64_t)hole, size);
    return *offset < size;
}

static int put_runs(struct pyro_tree_output *out, int fd, const struct stat *status)
{
    enum { BLOCK = 512 };
    uint64_t offset = 0, size = (uint64_t)status->st_size, end = size;
    bool sparse = (uint64_t)status->st_blocks < size / BLOCK;
    int r = 0;
    while (r == 0 && offset < size && out->error == 0) {
        if (sparse && !find_run(fd, &offset, size, &end))
            break;
        r = put_run(out, fd, offset, end);
        offset = end;
    }
    return r;
}

static bool is_unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_ino == after->st_ino && before->st_size == after->st_size &&
           memcmp(&before->st_mtim, &after->st_mtim, sizeof(before->st_mtim)) == 0 &&
           memcmp(&before->st_ctim, &after->st_ctim, sizeof(before->st_ctim)) == 0;
}

int pyro_tree_put_content(struct pyro_tree_output *out, int fd, const struct stat *status)
{
    struct stat after;
    int error = put_runs(out, fd, status);
    if (error == 0 && fstat(fd, &after) < 0)
        error = errno;
    else if (error == 0 && !is_unchanged(status, &after))
        error = ESTALE;
    return pyro_tree_put_done(out, (uint32_t)error);
}

int pyro_tree_output_close(struct pyro_tree_output *out)
{
    put(out, pyro_tree_end_pack(&out->buffer));
    int r = pyro_tree_output_flush(out);
    return r < 0 ? pyro_own_say("cannot write the stream of records: %s", strerror(-r)) : 0;
}
