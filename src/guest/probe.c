#include "guest/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "guest/own.h"
#include "guest/probe_net.h"

static int probe_file(const char *path, uint64_t deadline_ms, char *ret_answer)
{
    struct stat status;
    (void)deadline_ms;
    if (stat(path, &status) == 0)
        return 0;
    snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s: %s", path, strerror(errno));
    return -1;
}

/* What the command writes last is what somebody wants to read. */
static void keep_end(char *text, size_t capacity, const char *bytes, size_t size)
{
    size_t have = strlen(text), kept = MIN(size, capacity - 1);
    size_t before = MIN(have, capacity - 1 - kept);
    memmove(text, text + have - before, before);
    memcpy(text + before, bytes + size - kept, kept);
    text[before + kept] = '\0';
    for (char *at = text; *at; at++) {
        if (*at == '\n')
            *at = ' ';
    }
}

/* Once, from a descriptor that does not block. False when there is nothing. */
static bool read_output(int fd, char *text, size_t capacity)
{
    char bytes[256];
    ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got <= 0)
        return false;
    keep_end(text, capacity, bytes, strnlen(bytes, (size_t)got));
    return true;
}

__attribute__((noreturn)) static void run_shell(const char *command, int output)
{
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execl("/bin/sh", "sh", "-lc", command, (char *)NULL);
    _exit(127);
}

static void tell_end(int status, const char *said, char *ret_answer)
{
    bool killed = WIFSIGNALED(status);
    snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "%s %d%s%s",
             killed ? "the command was ended by signal" : "the command exits with",
             killed ? WTERMSIG(status) : WEXITSTATUS(status), *said ? ": " : "", said);
}

/* Reads what it writes until it has ended, which is true then, or the deadline. What it has left in
 * the background is killed, as it is itself at the deadline. */
static bool await_end(pid_t pid, int output, uint64_t deadline_ms, char *said, size_t capacity,
                      int *ret_status)
{
    enum { READS_MOST = 1024 }; /* at its end: more than a pipe holds */
    cleanup_close int ended = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd polled[] = {{.fd = ended, .events = POLLIN}, {.fd = output, .events = POLLIN}};
    uint64_t now;
    while (!polled[0].revents && (now = pyro_now_ms()) < deadline_ms) {
        if (poll(polled, ARRAY_SIZE(polled), (int)MIN(deadline_ms - now, (uint64_t)60000)) < 0)
            break;
        if (polled[1].revents && !read_output(output, said, capacity))
            polled[1].fd = -1; /* closed */
    }
    for (int i = 0; polled[0].revents && i < READS_MOST && read_output(output, said, capacity); i++)
        ;
    kill(-pid, SIGKILL);
    waitpid(pid, ret_status, 0);
    return polled[0].revents != 0;
}

static int probe_command(const char *command, uint64_t deadline_ms, char *ret_answer)
{
    char said[PYRO_PROBE_ANSWER_SIZE / 2] = "";
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        run_shell(command, ends[1]);
    close(ends[1]);
    if (pid > 0) {
        setpgid(pid, pid); /* as it does itself: whoever is first */
        if (await_end(pid, ends[0], deadline_ms, said, sizeof(said), &status))
            tell_end(status, said, ret_answer);
        else if (*ret_answer == '\0') /* else an earlier one has told more */
            snprintf(ret_answer, PYRO_PROBE_ANSWER_SIZE, "the command took too long");
    }
    close(ends[0]);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

enum {
    LOOK_LEAST_MS = 100,     /* also at the limit: in no time nothing can be seen */
    LOOK_NET_MOST_MS = 5000, /* a server that lost a connection may answer the next one; doubled
                                after each that took so long, for one that is slow */
};

static const struct {
    const char *name;
    int (*look)(const char *target, uint64_t deadline_ms, char *ret_answer);
    uint64_t most_ms; /* for the first look */
} types[] = {
    {"file", probe_file, UINT64_MAX},
    {"tcp", pyro_probe_tcp, LOOK_NET_MOST_MS},
    {"http", pyro_probe_http, LOOK_NET_MOST_MS},
    {"command", probe_command, UINT64_MAX},
};

uint64_t pyro_probe_look_by(uint64_t begun_ms, uint64_t deadline_ms, uint64_t most_ms)
{
    uint64_t left = MAX(deadline_ms, begun_ms + LOOK_LEAST_MS) - begun_ms;
    return begun_ms + MIN(left, most_ms);
}

/* What was seen so far, for a look that cannot be ended otherwise: a name server that does not
 * answer keeps it for as long as it likes. */
static struct {
    char prefix[64], answer[PYRO_PROBE_ANSWER_SIZE];
} told;

static void give_up(int signal)
{
    static const char nothing[] = "its look took too long";
    const char *answer = *told.answer ? told.answer : nothing;
    const struct iovec parts[] = {{.iov_base = told.prefix, .iov_len = strlen(told.prefix)},
                                  {.iov_base = (char *)answer, .iov_len = strlen(answer)},
                                  {.iov_base = (char *)"\n", .iov_len = 1}};
    (void)signal;
    ssize_t ignored = writev(STDERR_FILENO, parts, ARRAY_SIZE(parts));
    (void)ignored;
    _exit(1);
}

static void limit_time(uint64_t limit_ms)
{
    enum { LAST_LOOK_MS = 1000 };
    uint64_t ms = limit_ms + LAST_LOOK_MS;
    const struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};
    snprintf(told.prefix, sizeof(told.prefix),
             "not ready after %llu ms: ", (unsigned long long)limit_ms);
    signal(SIGALRM, give_up);
    setitimer(ITIMER_REAL, &timer, NULL);
}

uint64_t pyro_probe_pause_ms(uint64_t begun_ms, uint64_t interval_ms, uint64_t now_ms,
                             uint64_t deadline_ms)
{
    return MIN(MAX(begun_ms + interval_ms, now_ms), deadline_ms) - now_ms;
}

static void sleep_ms(uint64_t ms)
{
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000 * 1000000)};
    nanosleep(&pause, NULL);
}

int pyro_probe(char *const *words)
{
    uint64_t interval = strtoull(words[2], NULL, 10), limit = strtoull(words[3], NULL, 10);
    uint64_t deadline = pyro_now_ms() + limit;
    size_t type = 0;
    while (type < ARRAY_SIZE(types) && strcmp(types[type].name, words[0]) != 0)
        type++;
    if (type == ARRAY_SIZE(types))
        return pyro_own_say("there is no probe %s", words[0]);
    uint64_t most = types[type].most_ms;
    limit_time(limit);
    for (;;) {
        uint64_t begun = pyro_now_ms();
        uint64_t look_by = pyro_probe_look_by(begun, deadline, most);
        if (types[type].look(words[1], look_by, told.answer) == 0)
            return 0;
        uint64_t now = pyro_now_ms();
        most = now >= look_by && most < UINT64_MAX ? 2 * most : most;
        if (now >= deadline)
            return pyro_own_say("%s%s", told.prefix, told.answer);
        sleep_ms(pyro_probe_pause_ms(begun, interval, now, deadline));
    }
}
