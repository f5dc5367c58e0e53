/* How long it takes to fork, execute and reap a program, in microseconds: `spawn ROUNDS PROGRAM
 * [WORD...]` prints one line for each round. The same on the host and, linked statically, in a
 * guest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int i = 0; i < atoi(argv[1]); i++) {
        double started = now_us();
        pid_t pid = fork();
        if (pid == 0) {
            execv(argv[2], argv + 2);
            _exit(127);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0)
            return 1;
        printf("%.0f\n", now_us() - started);
    }
    return 0;
}
