/* Descriptors that may keep one waiting. */
#ifndef PYRO_BASE_WAIT_H
#define PYRO_BASE_WAIT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it is readable now; never of -1. */
bool pyro_fd_is_readable(int fd);

/* Writes all of it, at its reader's pace, whether the descriptor blocks or not: others may have it
 * open too, so its mode stays as it is. 0, a negative errno, or -ECANCELED when `stop_fd` became
 * readable while the reader kept us waiting. */
int pyro_fd_write_patiently(int fd, const void *bytes, size_t size, int stop_fd);

#endif
