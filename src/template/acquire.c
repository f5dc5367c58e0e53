/* Finding the template for a start, or having it made. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/process.h"
#include "base/text.h"
#include "template/note.h"
#include "template/room.h"

enum {
    WAIT_TICK_MS = 20,
    REPORT_TICKS = 50,
    WAIT_SECONDS = 30, /* making takes four seconds, on a busy host some more */
};

const struct pyro_shape pyro_template_default_shape = {.vcpu_count = 1, .mem_mib = 1024};

bool pyro_templates_are_on(void)
{
    const char *set = getenv("PYRO_TEMPLATES");
    return !set || strcmp(set, "off") != 0;
}

void pyro_template_finish(struct pyro_template *template_)
{
    free(template_->path);
    free(template_->name);
    if (template_->lock >= 0)
        close(template_->lock);
    *template_ = (struct pyro_template){.lock = -1};
}

void pyro_template_report(const struct pyro_home *home, const struct pyro_template *template_,
                          const char *boot_json)
{
    cleanup_close int templates = pyro_templates_open(home);
    cleanup_json json_t *boot = json_loads(boot_json, 0, NULL);
    if (templates < 0 || !boot || !template_->path)
        return;
    if (pyro_json_boolean(boot, "template_failed", false))
        pyro_template_note_failure(templates, template_->name,
                                   pyro_json_text(boot, "boot_fallback", "unknown"),
                                   template_->made_at);
    else if (strcmp(pyro_json_text(boot, "boot_kind", ""), "restored") == 0)
        pyro_template_note_success(templates, template_->name);
}

/* Opens it and marks it used. 0 when it can be used, else as pyro_template_open(). The lock comes
 * first: what is locked is not taken away between the look and the use. */
static int try_to_use(int templates, const struct pyro_template_key *key,
                      const struct pyro_template_source *source, struct pyro_template *template_,
                      char *reason, size_t reason_size)
{
    cleanup_close int use = pyro_template_lock(templates, key->name, "use", LOCK_SH);
    if (use < 0)
        return use;
    cleanup_close int directory = pyro_template_open(templates, key, source->host->tsc_khz,
                                                     &template_->made_at, reason, reason_size);
    if (directory < 0)
        return directory;
    template_->path = pyro_text_format("%s/templates/%s", source->home->path, key->name);
    if (!template_->path)
        return -ENOMEM;
    futimens(use, NULL);
    template_->lock = steal_fd(&use);
    return 0;
}

/* Its maker has been at it for too long already, or the caller gave up waiting: then the guest
 * boots. The lock's file has the time at which its holder began. */
static bool wait_a_little(int templates, const char *name, const struct pyro_observer *observer,
                          unsigned waits)
{
    const struct pyro_progress progress = {
        .operation = "template", .phase = "waiting", .message = "another process is making it"};
    struct pollfd cancelled = {.fd = observer ? observer->cancel_fd : -1, .events = POLLIN};
    cleanup_free char *path = pyro_text_format("%s.lock", name);
    struct stat status;
    if (!path || waits > WAIT_SECONDS * 1000 / WAIT_TICK_MS ||
        fstatat(templates, path, &status, 0) < 0 ||
        time(NULL) - status.st_mtim.tv_sec > WAIT_SECONDS)
        return false;
    if (observer && observer->progress && waits % REPORT_TICKS == 0)
        observer->progress(observer->userdata, &progress);
    return poll(&cancelled, 1, WAIT_TICK_MS) == 0;
}

/* The maker is a process of its own and takes the lock over. That it cannot be started costs
 * nothing but the next start's time. */
static void start_maker(const struct pyro_template_source *source, int templates, const char *name,
                        int lock)
{
    cleanup_free char *program = pyro_text_format("%s/pyro-template", source->home->libexec);
    cleanup_free char *log_name = pyro_text_format("%s.log", name);
    cleanup_close int log =
        log_name ? openat(templates, log_name,
                          O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    struct pyro_argv argv = {0};
    if (!program)
        return;
    const char *const words[] = {program, source->home->path, source->home->libexec,
                                 source->environment->name, NULL};
    pyro_argv_add_all(&argv, words);
    pyro_argv_addf(&argv, "%u", source->shape.vcpu_count);
    pyro_argv_addf(&argv, "%u", source->shape.mem_mib);
    pyro_argv_addf(&argv, "%d", source->shape.network);
    pyro_argv_addf(&argv, "%d", lock);
    pyro_argv_add(&argv, name);
    const struct pyro_spawn spawn = {.argv = argv.words,
                                     .stdin_fd = -1,
                                     .stdout_fd = log,
                                     .stderr_fd = log,
                                     .keep = &lock,
                                     .keep_count = 1,
                                     .new_session = true};
    pid_t pid;
    futimens(lock, NULL);
    if (!argv.failed && pyro_spawn(&spawn, &pid) == 0)
        pyro_process_wait(pid); /* it goes on as a daemon's child does: nobody's zombie */
    pyro_argv_finish(&argv);
}

static void find(int templates, const struct pyro_template_key *key,
                 const struct pyro_template_source *source, const struct pyro_observer *observer,
                 struct pyro_template *template_)
{
    char reason[160] = "";
    if (pyro_template_failures(templates, key->name) >= PYRO_TEMPLATE_FAILURES_MAX)
        return;
    for (unsigned waits = 0;; waits++) {
        int r = try_to_use(templates, key, source, template_, reason, sizeof(reason));
        if (r == 0 || r == -ECANCELED)
            return;
        cleanup_close int lock =
            pyro_template_lock(templates, key->name, "lock", LOCK_EX | LOCK_NB);
        if (lock >= 0) {
            /* Somebody may have finished it between the look and the lock. */
            r = try_to_use(templates, key, source, template_, reason, sizeof(reason));
            if (r == 0)
                return;
            if (r == -ENOENT && pyro_template_has_elder(templates, key))
                snprintf(reason, sizeof(reason), "what it was made of has changed since");
            if (*reason)
                pyro_template_note(templates, key->name, reason);
            if (waits == 0)
                start_maker(source, templates, key->name, lock);
            return;
        }
        if (lock != -EWOULDBLOCK || !wait_a_little(templates, key->name, observer, waits))
            return;
    }
}

void pyro_template_acquire(const struct pyro_template_source *source,
                           const struct pyro_observer *observer, struct pyro_template *ret_template)
{
    *ret_template = (struct pyro_template){.lock = -1};
    if (!pyro_templates_are_on())
        return;
    struct pyro_template_key key;
    cleanup_close int templates = pyro_templates_open(source->home);
    if (templates < 0 || !source->host->qemu_path || pyro_template_key_init(&key, source) < 0)
        return;
    ret_template->name = strdup(key.name);
    if (ret_template->name)
        find(templates, &key, source, observer, ret_template);
    pyro_template_key_finish(&key);
}
