/* A file of the host that is read while others may write to it: run by run between its holes, and
 * with a look whether it stayed what it was. Leaf helpers: they return a negative errno, -ESTALE
 * for a file that changed. */
#ifndef PYRO_WORKSPACE_HOST_FILE_H
#define PYRO_WORKSPACE_HOST_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "wire/tree.h"

struct pyro_host_file {
    int fd;             /* -1: none is open */
    struct stat status; /* when it was opened */
    uint64_t at, end;   /* what is left of the run of data between two holes */
    uint8_t bytes[PYRO_TREE_DATA_MAX];
};

/* Begins to read `fd`, which is taken over. */
void pyro_host_file_begin(struct pyro_host_file *file, int fd, const struct stat *status);
void pyro_host_file_close(struct pyro_host_file *file);

/* Reads the next bytes that are no hole into `bytes`: how many, 0 at the end of the file. */
long pyro_host_file_read(struct pyro_host_file *file, uint64_t *ret_offset);

/* 0 when nobody wrote to it since it was opened. */
int pyro_host_file_check(const struct pyro_host_file *file);

/* True when a file was not written to between the two. */
bool pyro_host_file_is_same(const struct stat *before, const struct stat *after);

#endif
