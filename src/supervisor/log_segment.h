/* The files of a log (supervisor/log.h): their names, finding and opening them. */
#ifndef PYRO_SUPERVISOR_LOG_SEGMENT_H
#define PYRO_SUPERVISOR_LOG_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/log.h"

enum {
    LOG_BLOCK = 32 * 1024,  /* bytes that a reader looks through at a time; stays in the cache */
    LOG_TRIES_MOST = 16,    /* listings, when segments go while they are read */
    LOG_SEGMENTS_MOST = 64, /* a writer keeps no more, however small gaps made them */
    LOG_SEGMENTS_LISTED = 2 * LOG_SEGMENTS_MOST,
    LOG_SEGMENT_MOST = 128 << 20,           /* bytes that one is meant for */
    LOG_SEGMENT_CAP = LOG_SEGMENT_MOST + 3, /* with the rest of a character; what an owner appended
                                               behind them is not there */
};

/* The positions of the newest segments, ascending. */
struct log_segments {
    uint64_t positions[LOG_SEGMENTS_LISTED];
    size_t count;
};

struct log_file_name {
    char text[PYRO_LOG_NAME_SIZE + 32];
};

struct log_file_name log_segment_name(const char *name, uint64_t position);

/* 0 or a negative errno. A segment that was there before the call and still is after it is listed;
 * of those that come and go meanwhile a later one may be listed without an earlier one. */
int log_segments_list(int directory, const char *name, struct log_segments *ret_segments);

/* Opens a segment to read, `ret_size` is in bytes. Returns a descriptor or a negative errno,
 * -ENOENT also when what has that name is no file. */
int log_segment_open(int directory, const char *name, uint64_t position, uint64_t *ret_size);

/* Like pread(2), with the errno as a negative result. */
long log_segment_read(int fd, void *bytes, size_t size, uint64_t offset);

#endif
