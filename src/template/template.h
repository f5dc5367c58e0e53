/* Templates: guests that were booted, warmed and frozen once, so that later ones start as clones of
 * them without booting. One for each environment and shape, made by one process however many ask.
 *
 *   HOME/templates/NAME/
 *     ram            the guest's memory, sparse; clones map it privately
 *     state          the state of QEMU's devices
 *     overlay.qcow2  the guest's disk; clones start with a copy
 *     initrd         what it booted from; QEMU reads it again though nothing needs it any more
 *     manifest.json  of what it is (all that must match), how it was made, and in which state the
 *                    four files were left
 *   NAME.lock   held by who makes it        NAME.use   shared by its clones; its time is the last
 * use NAME.note   why it could not be used    NAME.log   what its maker said
 *
 * Nothing in a template is a secret: a clone gets fresh entropy and an identity of its own before
 * any command. A file that was touched since makes the whole template unusable. */
#ifndef PYRO_TEMPLATE_TEMPLATE_H
#define PYRO_TEMPLATE_TEMPLATE_H

#include <jansson.h>
#include <pyro/pyro.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/home.h"
#include "environment/environment.h"
#include "supervisor/bundle.h"
#include "supervisor/client.h"
#include "vm/host.h"

enum {
    PYRO_TEMPLATE_FORMAT = 1,       /* raised when an older template must not be used */
    PYRO_TEMPLATES_MAX_MIB = 4096,  /* on disk, all together; $PYRO_TEMPLATES_MAX_MIB */
    PYRO_TEMPLATE_FAILURES_MAX = 3, /* after so many that could not be restored, guests boot */
};

/* What a template is asked for of. All borrowed. */
struct pyro_template_source {
    const struct pyro_home *home;
    const struct pyro_host *host;
    const struct pyro_environment *environment;
    const struct pyro_installation *installation;
    struct pyro_shape shape;
};

/* The shape that a pull makes a template for. */
extern const struct pyro_shape pyro_template_default_shape;

/* A template in use. */
struct pyro_template {
    char *path;     /* NULL: there is none, the guest boots */
    char *name;     /* NULL when templates are switched off */
    int lock;       /* to be held as long as a clone lives */
    double made_at; /* epoch seconds: which one it is of that name */
};

/* $PYRO_TEMPLATES=off: they are neither used nor made. */
bool pyro_templates_are_on(void);

/* Finds a template for a start. When there is none that can be used, its making is started in the
 * background and the guest boots; when one is just being made, waits for it. Never fails: at worst
 * there is no path. Follow with pyro_template_finish(). */
void pyro_template_acquire(const struct pyro_template_source *source,
                           const struct pyro_observer *observer,
                           struct pyro_template *ret_template);
void pyro_template_finish(struct pyro_template *template_);

/* How a start from it went, as the supervisor tells it: when it was the template's fault that a
 * clone could not be started, that is noted for doctor and for the next start, which makes it anew.
 */
void pyro_template_report(const struct pyro_home *home, const struct pyro_template *template_,
                          const char *boot_json);

/* Makes one now, unless a usable one is there. Another process that is making it is waited for.
 * PYRO_ERROR_BOOT_FAILED and whatever else starting a guest can bring, PYRO_ERROR_DISK_FULL. */
int pyro_template_make(const struct pyro_template_source *source,
                       const struct pyro_observer *observer, struct pyro_error *error);

/* The shell commands that warm a guest up, NULL-terminated: the environment's, or none with
 * $PYRO_WARM_UP=off, for measuring what they bring. */
const char *const *pyro_warm_up_commands(const struct pyro_environment *environment);
/* Runs them: what the environment is used for then lies in the guest's page cache and, under
 * emulation, is translated. That one fails is no matter. 0; -1 and an error when the guest ended,
 * or PYRO_ERROR_CANCELLED. */
int pyro_warm_up(struct pyro_client *client, const struct pyro_environment *environment,
                 int cancel_fd, struct pyro_error *error);

/* The environment's templates as JSON objects; the source's shape does not matter. A new reference,
 * NULL when out of memory. */
json_t *pyro_template_list(const struct pyro_template_source *today);

/* Removes those that nothing can use, and the remains of makers that died; adds to the `deleted`,
 * `count` and `freed_bytes` of a prune's result. Never what a live guest uses. */
int pyro_template_prune(const struct pyro_home *home, const struct pyro_host *host, json_t *result,
                        struct pyro_error *error);

/* The notes that nobody has read yet, as objects of `name`, `reason`, `at`, `failures`; they count
 * as read afterwards. A new reference, NULL when out of memory. */
json_t *pyro_template_notes_take(const struct pyro_home *home);

#endif
