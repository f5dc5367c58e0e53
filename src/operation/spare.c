#include "operation/spare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "base/wait.h"
#include "operation/spare_keeper.h"

enum {
    MEM_MIB_MAX = 4096, /* larger guests are not kept ready */
    WAIT_STEP_MS = 10,
};

struct pyro_spares {
    struct spare one_shot, workspace;
};

static struct spare *find(struct pyro_spares *spares, const struct pyro_new_vm_kind *kind)
{
    return kind->is_workspace ? &spares->workspace : &spares->one_shot;
}

/* What two calls must have in common to be served by the same guest. */
static json_t *shape_of(const json_t *parameters)
{
    return json_pack("{s:s, s:I, s:I, s:b}", "environment",
                     pyro_json_text(parameters, "environment", ""), "vcpu_count",
                     (json_int_t)pyro_json_integer(parameters, "vcpu_count", 0), "mem_mib",
                     (json_int_t)pyro_json_integer(parameters, "mem_mib", 0), "network",
                     pyro_json_boolean(parameters, "network", false));
}

/* Takes it out when it is, or is about to be, of that shape; NULL: of any. */
static bool take_locked(struct spare *spare, const json_t *shape,
                        const struct pyro_observer *observer, struct spare *ret_taken)
{
    if (spare->state < SPARE_STARTING || spare->is_claimed ||
        (shape && !json_equal(spare->made, shape)))
        return false;
    spare->is_claimed = true;
    if (spare->state == SPARE_WARMING)
        eventfd_write(spare->interrupt_fd, 1);
    while ((spare->state == SPARE_STARTING || spare->state == SPARE_WARMING) &&
           !(observer && pyro_fd_is_readable(observer->cancel_fd)))
        pyro_spare_wait(spare, pyro_now_ms() + WAIT_STEP_MS);
    spare->is_claimed = false;
    pyro_spare_set_state(spare, spare->state); /* its time counts again */
    if (spare->state != SPARE_READY)
        return false;
    *ret_taken = *spare;
    spare->made = NULL;
    spare->environment_mark = NULL;
    pyro_spare_forget(spare);
    return true;
}

static void forget_taken(struct spare *taken)
{
    json_decref(taken->made);
    free(taken->environment_mark);
}

static void end_taken(struct pyro_context *context, struct spare *taken)
{
    pyro_spare_discard(context, &taken->vm, taken->client);
    forget_taken(taken);
}

/* As if it had been made now. */
static int put_to_use(struct pyro_context *context, const json_t *parameters,
                      const struct pyro_new_vm_kind *kind, struct spare *spare)
{
    struct pyro_vm_record *record = &spare->vm.record;
    struct pyro_store *store;
    cleanup_free char *mark = pyro_spare_mark(context, spare->made);
    if (!mark || strcmp(mark, spare->environment_mark) != 0)
        return -ESTALE;
    record->created_at = pyro_wall_seconds();
    record->ttl_seconds = kind->ttl_seconds;
    record->expires_at = record->created_at + (double)kind->ttl_seconds;
    record->allow_host_compat = pyro_json_boolean(parameters, "allow_host_compat", false);
    if (!pyro_client_is_running(spare->client) ||
        pyro_client_claim(spare->client, (uint32_t)kind->ttl_seconds) < 0 ||
        pyro_context_store(context, &store, NULL) < 0)
        return -1;
    return pyro_store_vm_claim(store, record, NULL);
}

bool pyro_spare_take(struct pyro_context *context, const json_t *parameters,
                     const struct pyro_new_vm_kind *kind, const struct pyro_observer *observer,
                     struct pyro_new_vm *ret_vm, struct pyro_client **ret_client)
{
    struct pyro_spares *spares = context->spares;
    cleanup_json json_t *shape = spares && !kind->host_compat ? shape_of(parameters) : NULL;
    struct spare taken;
    if (!shape)
        return false;
    struct spare *spare = find(spares, kind);
    pthread_mutex_lock(&spare->lock);
    bool is_taken = take_locked(spare, shape, observer, &taken);
    pthread_mutex_unlock(&spare->lock);
    if (!is_taken)
        return false;
    if (put_to_use(context, parameters, kind, &taken) < 0) {
        end_taken(context, &taken);
        return false;
    }
    *ret_vm = taken.vm;
    *ret_client = taken.client;
    forget_taken(&taken);
    return true;
}

void pyro_spare_prepare(struct pyro_context *context, const json_t *parameters,
                        const struct pyro_new_vm_kind *kind)
{
    bool is_small = pyro_json_integer(parameters, "mem_mib", 0) <= MEM_MIB_MAX;
    bool is_wished = context->spares && !kind->host_compat && is_small && pyro_templates_are_on();
    json_t *shape = is_wished ? shape_of(parameters) : NULL;
    if (!shape)
        return;
    struct spare *spare = find(context->spares, kind);
    pthread_mutex_lock(&spare->lock);
    json_decref(spare->wanted);
    spare->wanted = shape;
    spare->used_at_ms = pyro_now_ms();
    pyro_spare_set_state(spare, spare->state == SPARE_NONE ? SPARE_WANTED : spare->state);
    pyro_spare_start_keeper(spare);
    pthread_mutex_unlock(&spare->lock);
}

static bool give_back(struct spare *spare, struct pyro_context *context,
                      const struct pyro_observer *observer)
{
    struct spare taken;
    pthread_mutex_lock(&spare->lock);
    bool is_taken = take_locked(spare, NULL, observer, &taken);
    pthread_mutex_unlock(&spare->lock);
    if (is_taken)
        end_taken(context, &taken);
    return is_taken;
}

bool pyro_spares_give_back(struct pyro_context *context, const struct pyro_observer *observer)
{
    struct pyro_spares *spares = context->spares;
    bool one = spares && give_back(&spares->one_shot, context, observer);
    bool other = spares && give_back(&spares->workspace, context, observer);
    return one || other;
}

/* ---- beginning and end ---- */

static int init(struct spare *spare, bool is_workspace, unsigned keep_seconds,
                struct pyro_error *error)
{
    *spare = (struct spare){.is_workspace = is_workspace,
                            .keep_seconds = keep_seconds,
                            .interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    pthread_mutex_init(&spare->lock, NULL);
    pyro_condition_init(&spare->changed);
    if (spare->interrupt_fd < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errno, "cannot keep guests ready");
    return pyro_open(NULL, &spare->context, error);
}

static void close_keeper(struct spare *spare)
{
    pthread_mutex_lock(&spare->lock);
    spare->is_closing = true;
    if (spare->interrupt_fd >= 0)
        eventfd_write(spare->interrupt_fd, 1);
    pthread_cond_broadcast(&spare->changed);
    pthread_mutex_unlock(&spare->lock);
}

static void finish(struct spare *spare)
{
    if (spare->is_kept)
        pthread_join(spare->keeper, NULL);
    json_decref(spare->wanted);
    pthread_cond_destroy(&spare->changed);
    pthread_mutex_destroy(&spare->lock);
    if (spare->interrupt_fd >= 0)
        close(spare->interrupt_fd);
    pyro_close(spare->context);
}

int pyro_spares_create(unsigned keep_seconds, struct pyro_spares **ret_spares,
                       struct pyro_error *error)
{
    struct pyro_spares *spares = calloc(1, sizeof(*spares));
    if (!spares)
        return pyro_error_no_memory(error);
    int r = init(&spares->one_shot, false, keep_seconds, error);
    if (init(&spares->workspace, true, keep_seconds, error) < 0 || r < 0) {
        pyro_spares_destroy(spares);
        return -1;
    }
    *ret_spares = spares;
    return 0;
}

void pyro_spares_destroy(struct pyro_spares *spares)
{
    if (!spares)
        return;
    close_keeper(&spares->one_shot); /* both, so that they end at the same time */
    close_keeper(&spares->workspace);
    finish(&spares->one_shot);
    finish(&spares->workspace);
    free(spares);
}
