#include "environment/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "base/text.h"
#include "environment/builder_log.h"
#include "environment/orphan.h"

extern char **environ;

/* Of mmdebstrap's own package. With them /usr is merged from the start; without them a package does
 * it afterwards, which takes longer and draws in all of Perl. */
static const char merged_usr_hooks[] = "/usr/share/mmdebstrap/hooks/merged-usr";

enum { TICK_MS = 250 };

static bool is_set_here(const char *variable)
{
    static const char *const names[] = {
        "LC_ALL=", "LANGUAGE=", "TMPDIR=", "KERNEL_PACKAGE=", "SOURCE_PACKAGES=", NULL};
    for (size_t i = 0; names[i]; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Proxies and the like are the caller's; the language is plain, because the log is read. */
static void make_environ(const struct pyro_pull *pull, struct pyro_argv *variables)
{
    for (char **variable = environ; variable && *variable; variable++) {
        if (!is_set_here(*variable))
            pyro_argv_add(variables, *variable);
    }
    pyro_argv_add(variables, "LC_ALL=C");
    pyro_argv_addf(variables, "TMPDIR=%s", pull->staging.work);
    pyro_argv_addf(variables, "KERNEL_PACKAGE=%s", pull->environment->kernel_package);
    pyro_argv_addf(variables, "SOURCE_PACKAGES=%s",
                   pull->environment->source_packages ? "yes" : "no");
}

/* What apt and dpkg are told stays in the environment. Without translations, and with lists in a
 * format that is larger but faster to unpack, an update in a guest takes half the time.
 * In unshare mode all mounts are in a mount namespace that ends with mmdebstrap, for root as well.
 * No mirror is named: mmdebstrap knows where its distribution's packages are. */
static void make_argv(const struct pyro_environment *environment, struct pyro_argv *argv)
{
    static const char *const words[] = {"mmdebstrap",
                                        "--mode=unshare",
                                        "--variant=minbase",
                                        "--format=tar",
                                        "--dpkgopt=force-unsafe-io",
                                        "--aptopt=Acquire::Retries \"3\"",
                                        "--aptopt=Acquire::Languages \"none\"",
                                        "--aptopt=Acquire::CompressionTypes::Order:: \"gz\"",
                                        NULL};
    pyro_argv_add_all(argv, words);
    if (access(merged_usr_hooks, X_OK) == 0)
        pyro_argv_addf(argv, "--hook-directory=%s", merged_usr_hooks);
    for (size_t i = 0; environment->packages[i]; i++)
        pyro_argv_addf(argv, "--include=%s", environment->packages[i]);
    pyro_argv_addf(argv, "--extract-hook=%s", pyro_builder_extract_hook);
    pyro_argv_addf(argv, "--customize-hook=%s", pyro_builder_hook);
    pyro_argv_add(argv, environment->suite);
    pyro_argv_add(argv, "-");
}

struct build {
    struct pyro_pull *pull;
    pid_t pid;
    int pidfd, output, tar_fd;
    struct pyro_builder_log log;
};

/* Its own process group, because on a signal it sends one to its whole group. */
static int start(struct build *build)
{
    struct pyro_argv argv = {0}, variables = {0};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    make_argv(build->pull->environment, &argv);
    make_environ(build->pull, &variables);
    struct pyro_spawn spawn = {
        .argv = argv.words,
        .environ = variables.words,
        .stdin_fd = -1,
        .stdout_fd = build->tar_fd,
        .stderr_fd = ends[1],
        .death_signal = SIGTERM,
        .new_group = true,
    };
    int r = argv.failed || variables.failed ? -ENOMEM : pyro_spawn(&spawn, &build->pid);
    pyro_argv_finish(&argv);
    pyro_argv_finish(&variables);
    close(ends[1]);
    build->output = ends[0];
    if (r == 0)
        build->pidfd = r = pyro_process_open(build->pid);
    if (r >= 0)
        pyro_orphan_record(build->pull->staging.directory, build->pid);
    return r < 0 ? r : 0;
}

/* One read of what it says. False at the end. */
static bool take_output(struct build *build)
{
    char bytes[4096];
    ssize_t got = read(build->output, bytes, sizeof(bytes));
    if (got > 0)
        pyro_builder_log_feed(&build->log, build->pull, bytes, (size_t)got);
    return got > 0 || (got < 0 && errno == EINTR);
}

static void advance(struct build *build)
{
    struct stat status;
    if (fstat(build->tar_fd, &status) == 0)
        pyro_pull_advance(build->pull, (uint64_t)status.st_size, 0);
}

/* Until it has ended, or `deadline_ms` has passed: then -ETIMEDOUT. With `heed_cancel` -ECANCELED
 * as soon as the observer wants that. */
static int attend(struct build *build, uint64_t deadline_ms, bool heed_cancel)
{
    bool open = true;
    for (;;) {
        struct pollfd wait[3] = {
            {.fd = build->pidfd, .events = POLLIN},
            {.fd = open ? build->output : -1, .events = POLLIN},
            {.fd = heed_cancel && build->pull->observer ? build->pull->observer->cancel_fd : -1,
             .events = POLLIN},
        };
        if (poll(wait, 3, TICK_MS) < 0 && errno != EINTR)
            return -errno;
        if (wait[1].revents)
            open = take_output(build);
        else if (wait[0].revents)
            return 0;
        if (wait[2].revents)
            return -ECANCELED;
        if (deadline_ms && pyro_now_ms() > deadline_ms)
            return -ETIMEDOUT;
        advance(build);
    }
}

/* Nothing is lost by that: its mounts and processes are in namespaces of their own, and what it
 * unpacked is removed with the staging directory. Asked to stop, it would first end the step that
 * it is in. */
static void stop(struct build *build)
{
    kill(-build->pid, SIGKILL);
    pyro_process_wait(build->pid);
}

static int missing_program(struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                   "building an environment: mmdebstrap is not installed");
    return pyro_error_hint(error, "apt install mmdebstrap uidmap");
}

static int run(struct build *build, struct pyro_error *error)
{
    char how[64];
    const char *name = build->pull->environment->name;
    int r = start(build);
    if (r == -ENOENT)
        return missing_program(error);
    if (r < 0) {
        if (build->pid > 0)
            stop(build);
        return pyro_error_set_errno(error, PYRO_ERROR_PULL_FAILED, r,
                                    "pulling %s: starting mmdebstrap", name);
    }
    r = attend(build, 0, true);
    if (r < 0) {
        stop(build);
        return r == -ECANCELED
                   ? pyro_pull_cancel(build->pull, error)
                   : pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "pulling %s", name);
    }
    kill(-build->pid, SIGKILL); /* whoever it left behind, if it was killed */
    int status = pyro_process_wait(build->pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof(how), "failed with status %d", WEXITSTATUS(status));
    return pyro_builder_log_explain(&build->log, build->pull, how, error);
}

int pyro_builder_run(struct pyro_pull *pull, int tar_fd, struct pyro_error *error)
{
    struct build build = {.pull = pull, .pidfd = -1, .output = -1, .tar_fd = tar_fd};
    build.log.fd = openat(pull->staging.directory, "build.log",
                          O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (build.log.fd < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, errno, "writing build.log");
    int r = run(&build, error);
    pyro_orphan_forget(pull->staging.directory);
    int fds[] = {build.log.fd, build.pidfd, build.output};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return r;
}
