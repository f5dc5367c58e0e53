#include "workspace/archive_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GZIP_ONLY = 15 + 16, /* zlib's words for: the largest window, and gzip's header and trailer */
    GZIP_MAGIC = 0x1f,   /* the first byte of it */
    TAR_BLOCK = 512,
    TAR_END = 2 * TAR_BLOCK, /* zeros */
};

static int fail(struct pyro_archive_stream *stream, const char *problem)
{
    stream->problem = problem;
    return -1;
}

int pyro_archive_stream_init(struct pyro_archive_stream *stream, int fd, uint64_t file_size,
                             bool is_gzip)
{
    *stream = (struct pyro_archive_stream){.fd = fd,
                                           .file_size = file_size,
                                           .size_limit = UINT64_MAX,
                                           .output = malloc(PYRO_STREAM_CHUNK)};
    if (!stream->output)
        return -ENOMEM;
    if (!is_gzip)
        return 0;
    stream->input = malloc(PYRO_STREAM_CHUNK);
    if (!stream->input || inflateInit2(&stream->zlib, GZIP_ONLY) != Z_OK)
        return -ENOMEM;
    stream->is_gzip = stream->is_inflating = true;
    return 0;
}

void pyro_archive_stream_finish(struct pyro_archive_stream *stream)
{
    if (stream->is_gzip)
        inflateEnd(&stream->zlib);
    free(stream->input);
    free(stream->output);
    *stream = (struct pyro_archive_stream){.fd = -1};
}

static long read_file(struct pyro_archive_stream *stream, uint8_t *bytes)
{
    ssize_t got;
    do
        got = read(stream->fd, bytes, PYRO_STREAM_CHUNK);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        stream->errnum = errno;
    stream->is_input_over = got == 0;
    return got;
}

static int fill_input(struct pyro_archive_stream *stream)
{
    if (stream->zlib.avail_in > 0 || stream->is_input_over)
        return 0;
    long got = read_file(stream, stream->input);
    if (got < 0)
        return -1;
    stream->zlib.next_in = stream->input;
    stream->zlib.avail_in = (uInt)got;
    return 0;
}

/* Behind a member of the gzip data there may be another one, or zeros that fill a tape's block. */
static int begin_member(struct pyro_archive_stream *stream)
{
    z_stream *zlib = &stream->zlib;
    for (; zlib->avail_in > 0 && *zlib->next_in == 0; zlib->next_in++, zlib->avail_in--)
        stream->is_padded = true;
    if (zlib->avail_in == 0)
        return 0;
    if (stream->is_padded || *zlib->next_in != GZIP_MAGIC)
        return fail(stream, "something that is not gzip follows its gzip data");
    stream->is_inflating = true;
    return inflateReset(zlib) == Z_OK ? 0 : fail(stream, "its gzip data is damaged");
}

static int inflate_some(struct pyro_archive_stream *stream)
{
    if (stream->is_input_over && stream->zlib.avail_in == 0)
        return fail(stream, "its gzip data is cut off");
    switch (inflate(&stream->zlib, Z_NO_FLUSH)) {
    case Z_STREAM_END: /* size and checksum are right */
        stream->is_inflating = false;
        return 0;
    case Z_OK:
    case Z_BUF_ERROR: /* nothing could be done without more input */
        return 0;
    case Z_MEM_ERROR:
        stream->errnum = ENOMEM;
        return -1;
    default:
        return fail(stream, "its gzip data is damaged");
    }
}

static long read_gzip(struct pyro_archive_stream *stream)
{
    z_stream *zlib = &stream->zlib;
    zlib->next_out = stream->output;
    zlib->avail_out = PYRO_STREAM_CHUNK;
    while (zlib->avail_out == PYRO_STREAM_CHUNK) {
        if (fill_input(stream) < 0)
            return -1;
        if (!stream->is_inflating && stream->is_input_over && zlib->avail_in == 0)
            return 0;
        if ((stream->is_inflating ? inflate_some(stream) : begin_member(stream)) < 0)
            return -1;
    }
    return PYRO_STREAM_CHUNK - (long)zlib->avail_out;
}

static size_t without_zeros(const uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size;
}

static int account(struct pyro_archive_stream *stream, size_t size)
{
    size_t nonzero = without_zeros(stream->output, size);
    if (nonzero > 0)
        stream->nonzero_size = stream->size + nonzero;
    stream->size += size;
    if (stream->size > PYRO_STREAM_RATIO_FREE &&
        stream->size / PYRO_STREAM_RATIO_MAX > stream->file_size)
        return fail(stream, "it unpacks to more than 200 times its size");
    if (stream->size > stream->size_limit)
        return fail(stream, "more than 4 MiB of headers for one entry");
    return 0;
}

long pyro_archive_stream_read(struct pyro_archive_stream *stream, const void **ret_bytes)
{
    *ret_bytes = stream->output;
    if (stream->problem || stream->errnum)
        return -1;
    long got = stream->is_gzip ? read_gzip(stream) : read_file(stream, stream->output);
    return got > 0 && account(stream, (size_t)got) < 0 ? -1 : got;
}

void pyro_archive_stream_allow(struct pyro_archive_stream *stream, uint64_t size)
{
    stream->size_limit = size > UINT64_MAX - stream->size ? UINT64_MAX : stream->size + size;
}

int pyro_archive_stream_end(struct pyro_archive_stream *stream, uint64_t end)
{
    const void *bytes;
    long got;
    pyro_archive_stream_allow(stream, UINT64_MAX);
    while ((got = pyro_archive_stream_read(stream, &bytes)) > 0)
        ;
    if (got < 0)
        return -1;
    if (stream->nonzero_size > end)
        return fail(stream, "something follows the end of it");
    if (stream->size < end + TAR_END || stream->size % TAR_BLOCK != 0)
        return fail(stream, "it was cut off: its end is missing");
    return 0;
}
