/* Descriptors and files. Leaf helpers: they return a negative errno. Every descriptor they make is
 * close-on-exec. */
#ifndef PYRO_BASE_FD_H
#define PYRO_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int pyro_fd_set_nonblocking(int fd);

/* A connected pair of stream sockets. */
int pyro_fd_pair(int ret_fds[2]);

/* Writes all of it or fails. */
int pyro_fd_write_all(int fd, const void *bytes, size_t size);
/* The same at a place of a file. */
int pyro_fd_write_all_at(int fd, const void *bytes, size_t size, uint64_t offset);

/* Reads to the end, as NUL-terminated text. -EFBIG if larger than `cap` bytes. Caller frees.
 * `ret_size` may be NULL. */
int pyro_fd_read_all(int fd, size_t cap, char **ret_text, size_t *ret_size);
/* The same of a file. */
int pyro_file_read_at(int directory, const char *path, size_t cap, char **ret_text,
                      size_t *ret_size);

/* Replaces a file's content so that readers see the old or the new one, never a part: written
 * beside it, synced when `durable`, and renamed. */
int pyro_file_replace_at(int directory, const char *path, const void *bytes, size_t size,
                         mode_t mode, int durable);

/* Copies a file's data to a new file, holes kept as holes. -EEXIST if `to` is there. */
int pyro_file_copy_at(int from_directory, const char *from, int to_directory, const char *to,
                      mode_t mode);

/* mkdir -p with mode 0700 for what it makes. */
int pyro_directory_make(const char *path);

/* rm -rf; a path that is not there is fine. Never follows a symlink. */
int pyro_tree_remove_at(int directory, const char *path);

#endif
