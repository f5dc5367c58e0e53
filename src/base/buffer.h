/* A growable run of bytes with a hard cap, so that nothing a peer sends can grow without bound. */
#ifndef PYRO_BASE_BUFFER_H
#define PYRO_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct pyro_buffer {
    uint8_t *bytes;
    size_t size;     /* bytes in use, from `start` */
    size_t start;    /* offset of the first byte in use */
    size_t capacity; /* allocated */
    size_t cap;      /* never holds more than this */
};

void pyro_buffer_init(struct pyro_buffer *buffer, size_t cap);
void pyro_buffer_finish(struct pyro_buffer *buffer);

/* First byte in use; good until the next call that changes the buffer. */
static inline uint8_t *pyro_buffer_data(const struct pyro_buffer *buffer)
{
    return buffer->bytes + buffer->start;
}

/* How many more bytes fit under the cap. */
static inline size_t pyro_buffer_room(const struct pyro_buffer *buffer)
{
    return buffer->cap - buffer->size;
}

/* Makes room for `size` more bytes and returns where they go, NULL with -ENOMEM's meaning when
 * memory or cap do not allow it. Follow with pyro_buffer_commit() for what was really written. */
uint8_t *pyro_buffer_reserve(struct pyro_buffer *buffer, size_t size);
void pyro_buffer_commit(struct pyro_buffer *buffer, size_t size);

/* Appends a copy. Returns 0, -ENOMEM, or -EOVERFLOW when the cap is reached (nothing is added). */
int pyro_buffer_append(struct pyro_buffer *buffer, const void *bytes, size_t size);

/* Drops `size` bytes at the front. */
void pyro_buffer_consume(struct pyro_buffer *buffer, size_t size);

/* Reads once from `fd` into the buffer, at most `most` bytes. Returns what read(2) does: bytes, 0
 * at the end, or a negative errno. -ENOBUFS when the cap is reached. */
long pyro_buffer_read(struct pyro_buffer *buffer, int fd, size_t most);

/* Writes as much as `fd` takes and consumes it. Returns 0 when all is written, -EAGAIN when some is
 * left, another negative errno when the peer is gone. Never raises SIGPIPE on sockets. */
int pyro_buffer_write(struct pyro_buffer *buffer, int fd);
/* The same for what is no socket and no pipe: a system call less. */
int pyro_buffer_write_device(struct pyro_buffer *buffer, int fd);

#endif
