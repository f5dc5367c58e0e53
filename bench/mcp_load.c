/* Calls a tool of an MCP server on pipes, with so many calls in flight, and prints calls per
 * second.
 *
 *   mcp-load TOOL CALLS IN_FLIGHT COMMAND…
 *
 * A client that does next to nothing itself: one in Python is slower than the servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, LINE_SIZE = 256 };

static const char initialize[] =
    "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
    "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}\n";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static pid_t start(char **command, int *ret_in, int *ret_out)
{
    int in[2], out[2];
    if (pipe(in) < 0 || pipe(out) < 0)
        fail("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execv(command[0], command);
        fail(command[0]);
    }
    close(in[0]);
    close(out[1]);
    *ret_in = in[1];
    *ret_out = out[0];
    return pid;
}

static void put(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0)
            fail("write");
        bytes += written;
        size -= (size_t)written;
    }
}

/* How many lines end in what is read now. */
static unsigned long get(int fd)
{
    static char bytes[READ_SIZE];
    ssize_t size = read(fd, bytes, sizeof(bytes));
    if (size <= 0)
        fail("read");
    unsigned long lines = 0;
    const char *at = bytes, *end = bytes + size;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        lines++;
        at++;
    }
    return lines;
}

/* All of them in one write, as a client that has that many to send. */
static void call(int fd, const char *tool, unsigned long first, unsigned long count)
{
    static char lines[64 * LINE_SIZE];
    size_t size = 0;
    for (unsigned long i = 0; i < count; i++)
        size += (size_t)snprintf(lines + size, LINE_SIZE,
                                 "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"method\":\"tools/call\","
                                 "\"params\":{\"name\":\"%.64s\",\"arguments\":{}}}\n",
                                 first + i, tool);
    put(fd, lines, size);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double run(int in, int out, const char *tool, unsigned long calls, unsigned long in_flight)
{
    unsigned long sent = in_flight, got = 0;
    double started = now();
    call(in, tool, 0, in_flight);
    while (got < calls) {
        unsigned long some = get(out), more = calls - sent < some ? calls - sent : some;
        got += some;
        if (more > 0)
            call(in, tool, sent, more);
        sent += more;
    }
    return (double)calls / (now() - started);
}

int main(int count, char **words)
{
    int in, out;
    unsigned long calls = count > 4 ? strtoul(words[2], NULL, 10) : 0;
    unsigned long in_flight = count > 4 ? strtoul(words[3], NULL, 10) : 0;
    if (calls == 0 || in_flight == 0 || in_flight > 64 || calls < in_flight) {
        fputs("usage: mcp-load TOOL CALLS IN_FLIGHT COMMAND...\n", stderr);
        return 2;
    }
    pid_t pid = start(words + 4, &in, &out);
    put(in, initialize, sizeof(initialize) - 1);
    while (get(out) == 0)
        ;
    run(in, out, words[1], calls / 4 + in_flight,
        in_flight); /* not counted: what is slow at first */
    printf("%.0f\n", run(in, out, words[1], calls, in_flight));
    close(in);
    waitpid(pid, NULL, 0);
    return 0;
}
