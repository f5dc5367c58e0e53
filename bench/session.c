/* What services and shells are measured against, inside a guest and without pyro:
 *
 *   session echo ROUNDS PROGRAM [WORD...]   microseconds from a key typed to its echo, a line each;
 *                                           the program runs in a terminal of its own
 *   session drain PROGRAM [WORD...]         microseconds until all that a program shows was read
 *   session connect PORT INTERVAL_MS PROGRAM [WORD...]
 *                                           microseconds from fork to the first connection accepted
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static pid_t start_in_terminal(char **words, int *ret_master)
{
    struct winsize size = {.ws_col = 120, .ws_row = 30};
    pid_t pid = forkpty(ret_master, NULL, NULL, &size);
    if (pid == 0) {
        execvp(words[0], words);
        _exit(127);
    }
    return pid;
}

/* Reads what comes until nothing has come for so long. */
static void settle(int fd, int idle_ms)
{
    char bytes[4096];
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    while (poll(&polled, 1, idle_ms) > 0 && read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

static int echo(int rounds, char **words)
{
    int master;
    pid_t pid = start_in_terminal(words, &master);
    settle(master, 2000);
    for (int i = 0; i < rounds; i++) {
        char bytes[4096];
        ssize_t got;
        double started = now_us();
        if (write(master, "x", 1) != 1)
            return 1;
        do
            got = read(master, bytes, sizeof(bytes));
        while (got > 0 && !memchr(bytes, 'x', (size_t)got));
        printf("%.0f\n", now_us() - started);
        if (i % 50 == 49 && write(master, "\025", 1) == 1)
            settle(master, 200);
    }
    kill(pid, SIGKILL);
    return 0;
}

static int drain(char **words)
{
    static char bytes[65536];
    int master;
    double started = now_us();
    start_in_terminal(words, &master);
    while (read(master, bytes, sizeof(bytes)) > 0)
        ;
    printf("%.0f\n", now_us() - started);
    return 0;
}

static int connect_once(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return r;
}

static int connect_loop(int port, int interval_ms, char **words)
{
    double started = now_us();
    pid_t pid = fork();
    if (pid == 0) {
        execvp(words[0], words);
        _exit(127);
    }
    while (connect_once(port) < 0)
        usleep((useconds_t)interval_ms * 1000);
    printf("%.0f\n", now_us() - started);
    fflush(stdout);
    kill(pid, SIGKILL);
    return waitpid(pid, NULL, 0) < 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "echo") == 0)
        return echo(atoi(argv[2]), argv + 3);
    if (argc >= 3 && strcmp(argv[1], "drain") == 0)
        return drain(argv + 2);
    if (argc >= 5 && strcmp(argv[1], "connect") == 0)
        return connect_loop(atoi(argv[2]), atoi(argv[3]), argv + 4);
    return 2;
}
