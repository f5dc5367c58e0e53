#include "guest/console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"

static void log_line(const char *format, va_list arguments)
{
    static const char prefix[] = "pyro-agent: ";
    char line[512] = "pyro-agent: ";
    size_t start = sizeof(prefix) - 1;
    int length = vsnprintf(line + start, sizeof(line) - start - 1, format, arguments);
    if (length < 0)
        return;
    size_t end = start + MIN((size_t)length, sizeof(line) - start - 2);
    line[end++] = '\n';
    cleanup_close int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || !isatty(fd) || fcntl(fd, F_SETFL, 0) < 0) /* somebody may have put a FIFO there */
        return;
    pyro_fd_write_all(fd, line, end);
    tcdrain(fd); /* what is still in the driver at power-off is lost */
}

void pyro_console_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(format, arguments);
    va_end(arguments);
}

bool pyro_processes_end(unsigned patience_ms)
{
    uint64_t deadline = pyro_now_ms() + patience_ms;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    kill(-1, SIGKILL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid > 0)
            continue;
        if (pid < 0)
            return true;
        if (pyro_now_ms() >= deadline)
            return false;
        struct timespec step = {.tv_nsec = 100 * 1000000};
        sigtimedwait(&child, NULL, &step);
    }
}

void pyro_power_off(void)
{
    enum { PATIENCE_MS = 2000 };
    pyro_processes_end(PATIENCE_MS); /* a file open for writing would keep the disk writable */
    sync();
    mount("", "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    /* A restart, because microvm has no power switch: QEMU runs with -no-reboot and ends. */
    for (;;) {
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART,
                NULL);
        pause();
    }
}

void pyro_power_off_because(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(format, arguments);
    va_end(arguments);
    pyro_power_off();
}
