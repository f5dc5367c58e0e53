/* Starting and ending a machine, whoever is killed and when. QEMU is a stand-in (fake_qemu.c). */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "vm/jail_probe.h"
#include "vm/machine.h"

enum { DEADLINE_MS = 5000, EARLY_KILLS = 60 };

static char directory[] = "/tmp/pyro-test-machine-XXXXXX";
static unsigned serial;

static char *make_file(const char *name)
{
    char *path = pyro_text_format("%s/%s", directory, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return path;
}

static struct pyro_machine_config make_config(bool jail)
{
    struct pyro_machine_config config = {.qemu_path = strdup(PYRO_FAKE_QEMU),
                                         .bwrap_path = jail ? pyro_program_find("bwrap") : NULL,
                                         .vcpu_count = 1,
                                         .mem_mib = 64,
                                         .network = true,
                                         .kernel = make_file("kernel"),
                                         .initrd = make_file("initrd"),
                                         .rootfs = make_file("rootfs"),
                                         .overlay = make_file("overlay")};
    /* The one word that marks this machine's processes from outside, in a jail too. */
    pid_t pid = getpid();
    serial++;
    memcpy(config.mac, &pid, 4);
    config.mac[4] = (uint8_t)(serial >> 8);
    config.mac[5] = (uint8_t)serial;
    return config;
}

static char *mark_of(const struct pyro_machine_config *config)
{
    const uint8_t *mac = config->mac;
    return pyro_text_format("mac=%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                            mac[4], mac[5]);
}

/* Living processes that have the mark among their words. */
static int count_marked(const char *mark)
{
    int count = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(processes));) {
        char path[300];
        size_t size = 0;
        cleanup_free char *words = NULL;
        snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        if (atoi(entry->d_name) > 0 &&
            pyro_file_read_at(AT_FDCWD, path, 64 << 10, &words, &size) == 0)
            count += memmem(words, size, mark, strlen(mark)) != NULL;
    }
    closedir(processes);
    return count;
}

static bool all_gone(const char *mark)
{
    uint64_t deadline = pyro_now_ms() + DEADLINE_MS;
    while (count_marked(mark) > 0) {
        if (pyro_now_ms() > deadline)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

static bool await(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, DEADLINE_MS) == 1;
}

static bool start(const struct pyro_machine_config *config, struct pyro_machine *machine,
                  char report[512])
{
    struct pyro_error error = PYRO_ERROR_INIT;
    if (pyro_machine_start(config, -1, machine, &error) < 0) {
        printf("# %s\n", error.message);
        return false;
    }
    ssize_t got = await(machine->agent_fd) ? read(machine->agent_fd, report, 511) : -1;
    report[got > 0 ? got : 0] = '\0';
    pyro_machine_cpu_ms(machine);
    return got > 0;
}

static void test_world(bool jail)
{
    struct pyro_machine_config config = make_config(jail);
    struct pyro_machine machine;
    char report[512];
    if (!ok(start(&config, &machine, report), "it starts"))
        return;
    is_text(report,
            jail ? "descriptors=4 environment=0 passwd=0 kernel=1 rootfs=0 overlay=1 pid1=1 "
                   "core=0 new=0\n"
                 : "descriptors=4 environment=0 passwd=1 kernel=0 rootfs=0 overlay=0 pid1=0 "
                   "core=0 new=0\n",
            "what it was given and can see");
    char log[64] = "";
    ok(await(machine.log_fd) && read(machine.log_fd, log, sizeof(log) - 1) > 0, "its log is heard");
    is_text(log, "fake QEMU is up\n", "the log");
    ok(machine.qemu_pid > 0 && kill(machine.qemu_pid, 0) == 0, "QEMU's pid is known");
    ok((machine.qemu_pid == machine.pid) == !jail, "and is the child's only without a jail");
    cleanup_free char *mark = mark_of(&config);
    pyro_machine_finish(&machine);
    is_int(count_marked(mark), 0, "nothing is left after the finish");
    pyro_machine_finish(&machine);
    ok(1, "a second finish does nothing");
    pyro_machine_config_finish(&config);
}

static void test_kill(bool jail, bool kill_qemu)
{
    struct pyro_machine_config config = make_config(jail);
    struct pyro_machine machine;
    char report[512];
    if (!ok(start(&config, &machine, report), "it starts"))
        return;
    cleanup_free char *mark = mark_of(&config);
    kill(kill_qemu ? machine.qemu_pid : machine.pid, SIGKILL);
    ok(await(machine.process_fd), "%s killed: its end is seen", kill_qemu ? "QEMU" : "the child");
    pyro_machine_finish(&machine);
    ok(all_gone(mark), "and nothing is left");
    pyro_machine_config_finish(&config);
}

static void test_early_finish(bool jail)
{
    int left = 0;
    for (int i = 0; i < EARLY_KILLS; i++) {
        struct pyro_machine_config config = make_config(jail);
        struct pyro_machine machine;
        cleanup_free char *mark = mark_of(&config);
        if (pyro_machine_start(&config, -1, &machine, NULL) == 0) {
            nanosleep(&(struct timespec){.tv_nsec = i * 500000L}, NULL);
            pyro_machine_finish(&machine);
        }
        left += !all_gone(mark);
        pyro_machine_config_finish(&config);
    }
    is_int(left, 0, "finished at any moment of the start, nothing is left");
}

/* In a child: starts the machine and waits to be killed. */
static pid_t fork_owner(const struct pyro_machine_config *config, int *ret_started)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t owner = fork();
    if (owner == 0) {
        struct pyro_machine machine;
        int r = pyro_machine_start(config, -1, &machine, NULL);
        ssize_t ignored = write(ends[1], &r, sizeof(r));
        (void)ignored;
        for (;;)
            pause();
    }
    close(ends[1]);
    *ret_started = ends[0];
    return owner;
}

static void test_owner_killed(bool jail)
{
    int left = 0;
    for (int i = 0; i < EARLY_KILLS; i++) {
        struct pyro_machine_config config = make_config(jail);
        cleanup_free char *mark = mark_of(&config);
        cleanup_close int started = -1;
        pid_t owner = fork_owner(&config, &started);
        await(started);
        nanosleep(&(struct timespec){.tv_nsec = i * 500000L}, NULL);
        kill(owner, SIGKILL);
        pyro_process_wait(owner);
        if (!all_gone(mark)) {
            printf("# %.1f ms after the start something is left\n", i * 0.5);
            left++;
        }
        pyro_machine_config_finish(&config);
    }
    is_int(left, 0, "its owner killed at any moment of the start, nothing is left");
}

static void test_failures(void)
{
    struct pyro_machine machine = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_machine_config config = make_config(false);
    free(config.qemu_path);
    config.qemu_path = strdup("/nonexistent/qemu");
    is_int(pyro_machine_start(&config, -1, &machine, &error), -1, "a QEMU that is not there");
    is_int(error.code, PYRO_ERROR_MISSING_PROGRAM, "is a missing program");
    pyro_machine_finish(&machine);
    pyro_machine_finish(NULL);
    ok(fcntl(0, F_GETFD) >= 0, "finishing nothing closes nothing");
    pyro_machine_config_finish(&config);
}

int main(void)
{
    char reason[256];
    char *bwrap = pyro_program_find("bwrap");
    bool jail_works = bwrap && pyro_jail_probe(bwrap, PYRO_FAKE_QEMU, reason, sizeof(reason));
    free(bwrap);
    if (!mkdtemp(directory))
        return 1;
    if (!jail_works)
        ok(1, "in a jail # SKIP no jail can be made here");
    for (int jail = 0; jail <= jail_works; jail++) {
        printf("# %s\n", jail ? "in a jail" : "without a jail");
        test_world(jail);
        test_kill(jail, true);
        test_kill(jail, false);
        test_early_finish(jail);
        test_owner_killed(jail);
    }
    test_failures();
    pyro_tree_remove_at(AT_FDCWD, directory);
    return tap_done();
}
