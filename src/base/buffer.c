#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"

enum { SMALLEST = 512 };

void pyro_buffer_init(struct pyro_buffer *buffer, size_t cap)
{
    *buffer = (struct pyro_buffer){.cap = cap};
}

void pyro_buffer_finish(struct pyro_buffer *buffer)
{
    free(buffer->bytes);
    pyro_buffer_init(buffer, buffer->cap);
}

uint8_t *pyro_buffer_reserve(struct pyro_buffer *buffer, size_t size)
{
    if (size > pyro_buffer_room(buffer))
        return NULL;
    if (buffer->start + buffer->size + size <= buffer->capacity)
        return pyro_buffer_data(buffer) + buffer->size;
    if (buffer->start > 0) {
        memmove(buffer->bytes, pyro_buffer_data(buffer), buffer->size);
        buffer->start = 0;
    }
    if (buffer->size + size > buffer->capacity) {
        size_t capacity = MAX(buffer->capacity * 2, (size_t)SMALLEST);
        capacity = MIN(MAX(capacity, buffer->size + size), buffer->cap);
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (!bytes)
            return NULL;
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->size;
}

void pyro_buffer_commit(struct pyro_buffer *buffer, size_t size)
{
    buffer->size += size;
}

int pyro_buffer_append(struct pyro_buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (size > pyro_buffer_room(buffer))
        return -EOVERFLOW;
    uint8_t *room = pyro_buffer_reserve(buffer, size);
    if (!room)
        return -ENOMEM;
    memcpy(room, bytes, size);
    pyro_buffer_commit(buffer, size);
    return 0;
}

void pyro_buffer_consume(struct pyro_buffer *buffer, size_t size)
{
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size == 0)
        buffer->start = 0;
}

long pyro_buffer_read(struct pyro_buffer *buffer, int fd, size_t most)
{
    most = MIN(most, pyro_buffer_room(buffer));
    if (most == 0)
        return -ENOBUFS;
    uint8_t *room = pyro_buffer_reserve(buffer, most);
    if (!room)
        return -ENOMEM;
    ssize_t got;
    do
        got = read(fd, room, most);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    pyro_buffer_commit(buffer, (size_t)got);
    return got;
}

static ssize_t write_quietly(int fd, const void *bytes, size_t size)
{
    ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
        put = write(fd, bytes, size);
    return put;
}

static int write_all(struct pyro_buffer *buffer, int fd,
                     ssize_t (*write_once)(int fd, const void *bytes, size_t size))
{
    while (buffer->size > 0) {
        ssize_t put = write_once(fd, pyro_buffer_data(buffer), buffer->size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        pyro_buffer_consume(buffer, (size_t)put);
    }
    return 0;
}

int pyro_buffer_write(struct pyro_buffer *buffer, int fd)
{
    return write_all(buffer, fd, write_quietly);
}

int pyro_buffer_write_device(struct pyro_buffer *buffer, int fd)
{
    return write_all(buffer, fd, write);
}
