/* Making a template while the caller waits. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "template/make.h"

enum { WAIT_TICK_MS = 100 };

/* The lock, once it is free. */
static int take_lock(int templates, const char *name, const struct pyro_observer *observer)
{
    struct pollfd cancelled = {.fd = observer ? observer->cancel_fd : -1, .events = POLLIN};
    int lock;
    while ((lock = pyro_template_lock(templates, name, "lock", LOCK_EX | LOCK_NB)) ==
           -EWOULDBLOCK) {
        if (poll(&cancelled, 1, WAIT_TICK_MS) > 0)
            return -ECANCELED;
    }
    return lock;
}

int pyro_template_make(const struct pyro_template_source *source,
                       const struct pyro_observer *observer, struct pyro_error *error)
{
    struct pyro_template_key key;
    cleanup_close int templates = pyro_templates_open(source->home);
    if (templates < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, templates,
                                    "cannot open %s/templates", source->home->path);
    if (pyro_template_key_init(&key, source) < 0)
        return pyro_error_no_memory(error);
    cleanup_close int lock = take_lock(templates, key.name, observer);
    int r;
    if (lock == -ECANCELED) {
        r = pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    } else if (lock < 0) {
        r = pyro_error_set_errno(error, PYRO_ERROR_HOME_UNUSABLE, lock,
                                 "cannot lock the template %s", key.name);
    } else {
        futimens(lock, NULL); /* when its holder began */
        r = pyro_template_make_locked(source, &key, templates, observer, error);
    }
    pyro_template_key_finish(&key);
    return r;
}
