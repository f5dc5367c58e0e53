/* Stands in for QEMU and its guest in test_hostile_guest.py: plays the script that is appended to
 * its own file. Uses nothing that a jail may lack, so the file is found by the name it was started
 * with.
 *
 * A script is a row of steps: one letter, one digit (the channel), a u32 count, a u32 size, `size`
 * bytes. Channels: 0 the agent's port, 1 the monitor, 2 the console, 3 what QEMU itself prints. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCRIPT_MAX = 4 << 20 };

static int channels[4];

static int value_after(char **argv, const char *prefix)
{
    for (; *argv; argv++) {
        if (strncmp(*argv, prefix, strlen(prefix)) == 0)
            return atoi(*argv + strlen(prefix));
    }
    return -1;
}

/* The script begins after the last "#!SCRIPT" and a line end; the name is spelled in two halves so
 * that it does not find itself. */
static const uint8_t *load(const char *path, const uint8_t **ret_end)
{
    static const char mark[] = "#!SCR"
                               "IPT\n";
    static uint8_t file[SCRIPT_MAX];
    int fd = open(path, O_RDONLY);
    size_t size = 0;
    ssize_t got;
    while (size < sizeof(file) && (got = read(fd, file + size, sizeof(file) - size)) > 0)
        size += (size_t)got;
    *ret_end = file + size;
    const uint8_t *at = *ret_end;
    while (--at > file && memcmp(at, mark, sizeof(mark) - 1) != 0)
        ;
    return at + sizeof(mark) - 1;
}

static void take(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = read(channels[0], bytes, size);
        if (got <= 0)
            _exit(9);
        bytes += got;
        size -= (size_t)got;
    }
}

/* Reads frames from the supervisor until one of that type has come. */
static void await_frame(uint32_t type)
{
    static uint8_t header[16], payload[65536];
    do {
        uint32_t length;
        take(header, sizeof(header));
        memcpy(&length, header + 12, sizeof(length));
        take(payload, length);
    } while (header[5] != type);
}

static void put(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = write(fd, bytes, size);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void play(uint8_t letter, int fd, uint32_t count, const uint8_t *bytes, uint32_t size)
{
    switch (letter) {
    case 's': /* send, `count` times; 0: for ever */
        for (uint32_t i = 0; count == 0 || i < count; i++)
            put(fd, bytes, size);
        break;
    case 'w': /* wait for a frame of type `count` */
        await_frame(count);
        break;
    case 'c': /* close a channel */
        close(fd);
        break;
    case 'e': /* end with status `count` */
        _exit((int)count);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return puts("QEMU emulator version 99.0") < 0;
    signal(SIGPIPE, SIG_IGN);
    channels[0] = value_after(argv, "socket,id=agent,fd=");
    channels[1] = value_after(argv, "socket,id=qmp,fd=");
    channels[2] = value_after(argv, "socket,id=console,fd=");
    channels[3] = 2;
    const uint8_t *end, *at = load(argv[0], &end);
    while (end - at >= 10) {
        uint32_t count, size;
        memcpy(&count, at + 2, sizeof(count));
        memcpy(&size, at + 6, sizeof(size));
        play(at[0], channels[at[1] & 3], count, at + 10, size);
        at += 10 + size;
    }
    for (;;)
        pause();
}
