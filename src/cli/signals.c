/* The program's one piece of process-wide state: what a signal handler can reach. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t first_signal;
static int wake_fd = -1;

static void note(int number)
{
    int saved = errno;
    if (first_signal == 0) {
        first_signal = number;
        if (write(wake_fd, "", 1) < 0) { /* the pipe is empty: it cannot fail */
        }
    }
    errno = saved;
}

/* No SA_RESTART: a write to a reader that is not reading has to come back. */
static void catch_one(int number)
{
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* nohup is respected. An ignored SIGINT is not: scripts start their background jobs with it, and
 * who sends one to such a job by hand means it. */
static bool is_ignored(int number)
{
    struct sigaction old;
    return sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

int cli_signals_catch(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    wake_fd = fds[1];
    signal(SIGPIPE, SIG_IGN);
    catch_one(SIGINT);
    catch_one(SIGTERM);
    if (!is_ignored(SIGHUP))
        catch_one(SIGHUP);
    return fds[0];
}

int cli_signals_caught(void)
{
    return first_signal;
}
