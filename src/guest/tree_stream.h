/* Records from stdin and to stdout, in large pieces: under emulation every system call and every
 * copy counts. */
#ifndef PYRO_GUEST_TREE_STREAM_H
#define PYRO_GUEST_TREE_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "wire/tree.h"

struct pyro_tree_input {
    struct pyro_buffer buffer;
    size_t handed; /* bytes of the buffer that were handed out last */
    /* DATA is handed out before all of it is here, so that the rest can be read to where it is
     * wanted: what is not touched twice need not be found twice in an emulated page table. */
    bool piecemeal;
    size_t missing; /* bytes of the DATA that was handed out last which are still to be read */
};

/* 0 or -ENOMEM. */
int pyro_tree_input_init(struct pyro_tree_input *in);
void pyro_tree_input_finish(struct pyro_tree_input *in);
/* The next record, good until the next call. 0, or -1 after the line on stderr: the stream ended or
 * is malformed. */
int pyro_tree_input_next(struct pyro_tree_input *in, struct pyro_tree_record *ret_record);
/* The next `size` of the missing bytes of a DATA record. The record's `bytes` are gone then. 0 or a
 * negative errno, -ENODATA where the stream ends. */
int pyro_tree_input_read(struct pyro_tree_input *in, uint8_t *ret_bytes, size_t size);
/* The lines for -EPROTO and -ENODATA, and whatever else reading may return. Returns -1. */
int pyro_tree_input_fail(int error);

/* The first error sticks: what follows is dropped, and pyro_tree_output_close() tells. */
struct pyro_tree_output {
    struct pyro_buffer buffer;
    int error; /* negative errno */
};

int pyro_tree_output_init(struct pyro_tree_output *out);
void pyro_tree_output_finish(struct pyro_tree_output *out);
/* Each puts one record. 0, or the error that sticks. */
int pyro_tree_put_entry(struct pyro_tree_output *out, const struct pyro_tree_entry *entry);
int pyro_tree_put_result(struct pyro_tree_output *out, const struct pyro_tree_result *result);
int pyro_tree_put_window(struct pyro_tree_output *out, const struct pyro_tree_window *window);
int pyro_tree_put_taken(struct pyro_tree_output *out);
int pyro_tree_put_done(struct pyro_tree_output *out, uint32_t error);
/* A regular file's DATA and DONE, whose ENTRY was made of `status`. */
int pyro_tree_put_content(struct pyro_tree_output *out, int fd, const struct stat *status);
/* END, and all of it is written. 0, or -1 after the line on stderr. */
int pyro_tree_output_close(struct pyro_tree_output *out);
/* Writes what is there; for those who have nothing more to say. */
int pyro_tree_output_flush(struct pyro_tree_output *out);

/* Times beyond what fits count as the last one that does. */
int64_t pyro_tree_time_ns(const struct timespec *time);
/* For utimensat: the time of last access stays as it is. */
void pyro_tree_mtime(int64_t mtime_ns, struct timespec ret_times[2]);

#endif
