/* The last words of an endless, hostile stream: read always, kept in bounded memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "supervisor/supervisor.h"

/* Its first letter comes only once in it, so a mismatch never has to look further back. */
static const char panic[] = "Kernel panic";

static void listen_for_panic(struct ring *ring, char c)
{
    if (c != panic[ring->matched])
        ring->matched = 0;
    if (c == panic[ring->matched] && panic[++ring->matched] == '\0') {
        ring->panicked = true;
        ring->matched = 0;
    }
}

static void add(struct ring *ring, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ring->bytes[ring->end++ % RING_SIZE] = bytes[i];
        listen_for_panic(ring, bytes[i]);
    }
}

static void readable(struct pyro_source *source, uint32_t events)
{
    (void)events;
    char block[4096];
    ssize_t got = read(source->fd, block, sizeof(block));
    if (got > 0)
        add(source->userdata, block, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        ring_close(source->userdata);
}

int ring_watch(struct supervisor *supervisor, struct ring *ring, int fd)
{
    ring->end = 0;
    ring->matched = 0;
    ring->panicked = false;
    return pyro_source_add(&supervisor->loop, &ring->source, fd, EPOLLIN, readable, ring);
}

void ring_close(struct ring *ring)
{
    if (!ring->source.loop)
        return;
    int fd = ring->source.fd;
    pyro_source_remove(&ring->source);
    /* What was written before the writer's end is worth having: it says why it ended. */
    char block[4096];
    ssize_t got;
    pyro_fd_set_nonblocking(fd);
    for (int i = 0; i < RING_SIZE / 4096 && (got = read(fd, block, sizeof(block))) > 0; i++)
        add(ring, block, (size_t)got);
    close(fd);
}

static size_t kept(const struct ring *ring)
{
    return MIN(ring->end, (size_t)RING_SIZE);
}

void ring_save(struct supervisor *supervisor, const struct ring *ring, const char *name)
{
    size_t size = kept(ring), start = ring->end - size;
    if (size == 0)
        return;
    cleanup_close int fd = openat(supervisor->log_directory, name,
                                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    size_t first = MIN(size, RING_SIZE - start % RING_SIZE);
    if (pyro_fd_write_all(fd, ring->bytes + start % RING_SIZE, first) == 0)
        pyro_fd_write_all(fd, ring->bytes, size - first);
}

void ring_tail(const struct ring *ring, char *ret_text, size_t capacity)
{
    size_t size = MIN(kept(ring), capacity - 1), used = 0;
    bool space = true; /* runs of unprintable bytes become one space */
    for (size_t at = ring->end - size; at < ring->end; at++) {
        char c = ring->bytes[at % RING_SIZE];
        bool printable = c > ' ' && c < 0x7f;
        if (!printable && space)
            continue;
        ret_text[used++] = printable ? c : ' ';
        space = !printable;
    }
    ret_text[used] = '\0';
}
