/* The growable buffer: order of bytes, cap, reading and writing descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "tap.h"

static void test_append_and_consume(void)
{
    struct pyro_buffer buffer;
    unsigned char next_in = 0, next_out = 0;
    int same = 1;
    pyro_buffer_init(&buffer, 1000);
    for (int round = 0; round < 5000; round++) {
        for (int i = round % 7; i > 0 && pyro_buffer_room(&buffer) > 0; i--) {
            same = same && pyro_buffer_append(&buffer, &next_in, 1) == 0;
            next_in++;
        }
        for (int i = round % 5; i > 0 && buffer.size > 0; i--) {
            same = same && *pyro_buffer_data(&buffer) == next_out++;
            pyro_buffer_consume(&buffer, 1);
        }
    }
    ok(same, "bytes come out in the order they went in");
    ok(buffer.size + pyro_buffer_room(&buffer) == 1000, "size and room make the cap");
    ok(buffer.capacity <= 1000, "no more than the cap is allocated");
    pyro_buffer_finish(&buffer);
    is_int(buffer.size, 0, "finish empties it");
}

static void test_cap(void)
{
    struct pyro_buffer buffer;
    pyro_buffer_init(&buffer, 8);
    is_int(pyro_buffer_append(&buffer, "12345", 5), 0, "below the cap");
    is_int(pyro_buffer_append(&buffer, "6789", 4), -EOVERFLOW, "beyond the cap");
    is_int(buffer.size, 5, "nothing was added");
    is_int(pyro_buffer_append(&buffer, "678", 3), 0, "up to the cap");
    is_int(pyro_buffer_append(&buffer, NULL, 0), 0, "nothing fits even then");
    ok(!pyro_buffer_reserve(&buffer, 1), "no room to reserve");
    ok(!pyro_buffer_reserve(&buffer, SIZE_MAX), "a size that would wrap around");
    pyro_buffer_consume(&buffer, 4);
    is_int(pyro_buffer_append(&buffer, "abcd", 4), 0, "room at the front is used again");
    ok(memcmp(pyro_buffer_data(&buffer), "5678abcd", 8) == 0, "and the order is kept");
    pyro_buffer_finish(&buffer);

    pyro_buffer_init(&buffer, 0);
    is_int(pyro_buffer_append(&buffer, "x", 1), -EOVERFLOW, "a cap of zero holds nothing");
    pyro_buffer_finish(&buffer);
}

static void test_reserve(void)
{
    struct pyro_buffer buffer;
    pyro_buffer_init(&buffer, 4096);
    unsigned char *at = pyro_buffer_reserve(&buffer, 100);
    if (!ok(at != NULL, "reserved"))
        return;
    memset(at, 'x', 100);
    is_int(buffer.size, 0, "reserved bytes do not count");
    pyro_buffer_commit(&buffer, 10);
    is_int(buffer.size, 10, "committed ones do");
    pyro_buffer_finish(&buffer);
}

static void test_read(void)
{
    struct pyro_buffer buffer;
    int ends[2];
    pyro_buffer_init(&buffer, 8);
    if (!ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe"))
        return;
    is_int(pyro_buffer_read(&buffer, ends[0], 4), -EAGAIN, "nothing there");
    is_int(write(ends[1], "123456789", 9), 9, "nine bytes");
    is_int(pyro_buffer_read(&buffer, ends[0], 4), 4, "at most what was asked");
    is_int(pyro_buffer_read(&buffer, ends[0], 100), 4, "at most the cap");
    is_int(pyro_buffer_read(&buffer, ends[0], 100), -ENOBUFS, "full");
    pyro_buffer_consume(&buffer, 8);
    close(ends[1]);
    is_int(pyro_buffer_read(&buffer, ends[0], 100), 1, "the rest");
    is_int(pyro_buffer_read(&buffer, ends[0], 100), 0, "the end");
    close(ends[0]);
    is_int(pyro_buffer_read(&buffer, -1, 100), -EBADF, "an error");
    pyro_buffer_finish(&buffer);
}

static void test_write(int socket)
{
    static char block[1 << 20], got[1 << 20];
    struct pyro_buffer buffer;
    int ends[2];
    size_t received = 0;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 31 >> 3);
    pyro_buffer_init(&buffer, sizeof(block));
    if (!ok((socket ? pyro_fd_pair(ends) : pipe2(ends, O_CLOEXEC)) == 0, "two ends"))
        return;
    pyro_fd_set_nonblocking(ends[0]);
    pyro_fd_set_nonblocking(ends[1]);
    is_int(pyro_buffer_append(&buffer, block, sizeof(block)), 0, "a large block");
    int r = -EAGAIN;
    while (r == -EAGAIN) {
        ssize_t size;
        r = pyro_buffer_write(&buffer, ends[1]);
        while ((size = read(ends[0], got + received, sizeof(got) - received)) > 0)
            received += (size_t)size;
    }
    is_int(r, 0, "written in pieces");
    ok(received == sizeof(block) && memcmp(got, block, received) == 0, "and unchanged");
    close(ends[0]);
    is_int(pyro_buffer_append(&buffer, "x", 1), 0, "one more byte");
    is_int(pyro_buffer_write(&buffer, ends[1]), -EPIPE, "nobody reads");
    is_int(buffer.size, 1, "an error keeps what was not written");
    close(ends[1]);
    pyro_buffer_finish(&buffer);
}

int main(void)
{
    test_append_and_consume();
    test_cap();
    test_reserve();
    test_read();
    test_write(1); /* before SIGPIPE is ignored: a socket never raises it */
    signal(SIGPIPE, SIG_IGN);
    test_write(0);
    return tap_done();
}
