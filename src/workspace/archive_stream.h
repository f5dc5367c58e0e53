/* The bytes of a tar archive, unpacked, for libarchive to read: here is looked at what it does not
 * look at. It neither checks gzip's checksums, nor minds what is behind the archive's end or that
 * there is no end, nor how much it is made to unpack or to keep. */
#ifndef PYRO_WORKSPACE_ARCHIVE_STREAM_H
#define PYRO_WORKSPACE_ARCHIVE_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

enum {
    PYRO_STREAM_CHUNK = 256 * 1024,
    PYRO_STREAM_RATIO_MAX = 200,
    /* For the headers of one entry: names, and where the holes of a file are. */
    PYRO_STREAM_HEADER_MAX = 4 * 1024 * 1024,
};
#define PYRO_STREAM_RATIO_FREE ((uint64_t)64 << 20) /* what may come out whatever went in */

struct pyro_archive_stream {
    int fd; /* borrowed */
    uint64_t file_size;
    bool is_gzip, is_inflating; /* within a member of the gzip data */
    bool is_padded;             /* zeros came behind the last member: nothing else may follow */
    bool is_input_over;
    z_stream zlib;
    uint8_t *input, *output;
    uint64_t size;         /* handed out so far */
    uint64_t nonzero_size; /* up to the last byte that is not zero */
    uint64_t size_limit;   /* not to be handed out beyond */
    const char *problem;   /* why it failed, NULL: see `errnum` */
    int errnum;
};

/* Reads `fd` from where it stands. 0 or -ENOMEM. To be finished also when it fails. */
int pyro_archive_stream_init(struct pyro_archive_stream *stream, int fd, uint64_t file_size,
                             bool is_gzip);
void pyro_archive_stream_finish(struct pyro_archive_stream *stream);

/* The next bytes, good until the next call: how many, 0 at the end, -1 on failure. */
long pyro_archive_stream_read(struct pyro_archive_stream *stream, const void **ret_bytes);

/* Until the next call of this, no more than `size` bytes are handed out: a stream that goes on
 * fails. */
void pyro_archive_stream_allow(struct pyro_archive_stream *stream, uint64_t size);

/* Reads what is left behind the last entry, where the end marker begins at `end`. 0, or -1. */
int pyro_archive_stream_end(struct pyro_archive_stream *stream, uint64_t end);

#endif
