#include "operation/spare_keeper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/thread.h"
#include "environment/environment.h"
#include "vm/host.h"
#include "vm/host_cache.h"

enum {
    BEYOND_KEEPING_S = 3600, /* time to live of one that waits: its keeper ends it long before */
    WAIT_LONG_MS = 3600 * 1000,
};

char *pyro_spare_mark(const struct pyro_context *context, const json_t *shape)
{
    const struct pyro_environment *environment =
        pyro_environment_find(pyro_json_text(shape, "environment", ""), NULL);
    cleanup_free char *path = environment ? pyro_text_format("%s/environments/%s/manifest.json",
                                                             context->home.path, environment->slug)
                                          : NULL;
    return path ? pyro_host_cache_file_mark(path) : NULL;
}

/* ---- making and ending, without the lock ---- */

static void remove_vm(struct pyro_context *context, struct pyro_new_vm *vm)
{
    close(steal_fd(&vm->lock));
    pyro_vm_remove(context, vm->record.vm_id, NULL); /* done already, unless its supervisor died */
    pyro_new_vm_finish(vm);
}

void pyro_spare_discard(struct pyro_context *context, struct pyro_new_vm *vm,
                        struct pyro_client *client)
{
    pyro_client_stop(client, PYRO_STOP_AT_ONCE, NULL);
    pyro_client_destroy(client);
    remove_vm(context, vm);
}

/* Half of the VMs that may run stay for calls. */
static bool has_room(struct pyro_context *context)
{
    struct pyro_store *store;
    struct pyro_host host;
    if (pyro_context_store(context, &store, NULL) < 0 ||
        pyro_host_probe(&context->home, &host, NULL) < 0)
        return false;
    unsigned most = pyro_active_vms_most(&host);
    pyro_host_finish(&host);
    return pyro_active_vms_check(store, most / 2, NULL) == 0;
}

static int start(struct spare *spare)
{
    struct pyro_context *context = spare->context;
    const struct pyro_observer quiet = {.cancel_fd = spare->interrupt_fd, .stdin_fd = -1};
    const struct pyro_new_vm_kind kind = {.one_shot = true,
                                          .is_workspace = spare->is_workspace,
                                          .ttl_seconds = spare->keep_seconds + BEYOND_KEEPING_S};
    struct pyro_new_vm *vm = &spare->vm;
    if (!has_room(context) || pyro_new_vm_make(context, spare->made, &kind, &quiet, vm, NULL) < 0)
        return -1;
    if (pyro_new_vm_spawn(context, vm, &spare->client, NULL) < 0) {
        remove_vm(context, vm);
        return -1;
    }
    int r = pyro_client_wait_running(spare->client, &quiet, NULL);
    pyro_template_report(&context->home, &vm->template_, pyro_client_boot_json(spare->client));
    pyro_template_finish(&vm->template_); /* its supervisor holds it */
    if (r < 0)
        pyro_spare_discard(context, vm, spare->client);
    return r;
}

/* Under emulation the first run of any code costs its translation. Ends early when the spare is
 * wanted. */
static void warm_up(const struct spare *spare)
{
    const struct pyro_environment *environment =
        pyro_environment_find(spare->vm.record.environment, NULL);
    if (environment && strcmp(spare->vm.record.accelerator, "kvm") != 0)
        pyro_warm_up(spare->client, environment, spare->interrupt_fd, NULL);
}

/* ---- the keeper; the lock is held ---- */

void pyro_spare_wait(struct spare *spare, uint64_t end_ms)
{
    pyro_condition_wait(&spare->changed, &spare->lock, end_ms);
}

void pyro_spare_set_state(struct spare *spare, enum spare_state state)
{
    spare->state = state;
    pthread_cond_broadcast(&spare->changed);
}

void pyro_spare_forget(struct spare *spare)
{
    json_decref(steal_pointer(&spare->made));
    free(steal_pointer(&spare->environment_mark));
    spare->client = NULL;
    spare->vm = (struct pyro_new_vm){.lock = -1, .environment_lock = -1, .template_ = {.lock = -1}};
    pyro_spare_set_state(spare, SPARE_NONE);
}

void pyro_spare_drop(struct spare *spare, enum spare_state state, struct pyro_context *context)
{
    struct pyro_new_vm vm = spare->vm;
    struct pyro_client *client = spare->client;
    pyro_spare_forget(spare);
    pyro_spare_set_state(spare, state);
    pthread_mutex_unlock(&spare->lock);
    pyro_spare_discard(context, &vm, client);
    pthread_mutex_lock(&spare->lock);
}

static void make_locked(struct spare *spare)
{
    eventfd_t ignored;
    eventfd_read(spare->interrupt_fd, &ignored);
    spare->made = json_incref(spare->wanted);
    pyro_spare_set_state(spare, SPARE_STARTING);
    pthread_mutex_unlock(&spare->lock);
    char *mark = pyro_spare_mark(spare->context, spare->made);
    /* One that was removed meanwhile is not pulled for a spare. */
    int r = mark && *mark ? start(spare) : -1;
    pthread_mutex_lock(&spare->lock);
    spare->environment_mark = mark;
    if (r < 0) {
        pyro_spare_forget(spare); /* the next call says what is wrong */
        return;
    }
    if (!spare->is_claimed && !spare->is_closing) {
        pyro_spare_set_state(spare, SPARE_WARMING);
        pthread_mutex_unlock(&spare->lock);
        warm_up(spare);
        pthread_mutex_lock(&spare->lock);
    }
    pyro_spare_set_state(spare, SPARE_READY);
}

/* Does what is due, or waits until something may be. */
static void keep_locked(struct spare *spare)
{
    uint64_t end_ms = spare->used_at_ms + spare->keep_seconds * UINT64_C(1000);
    bool is_free = spare->state == SPARE_READY && !spare->is_claimed;
    if (spare->state == SPARE_WANTED)
        make_locked(spare);
    else if (is_free && !json_equal(spare->made, spare->wanted))
        pyro_spare_drop(spare, SPARE_WANTED, spare->context);
    else if (is_free && pyro_now_ms() >= end_ms)
        pyro_spare_drop(spare, SPARE_NONE, spare->context);
    else
        pyro_spare_wait(spare, is_free ? end_ms : pyro_now_ms() + WAIT_LONG_MS);
}

static void *keep(void *userdata)
{
    struct spare *spare = userdata;
    pthread_mutex_lock(&spare->lock);
    while (!spare->is_closing)
        keep_locked(spare);
    if (spare->state == SPARE_READY)
        pyro_spare_drop(spare, SPARE_NONE, spare->context);
    pthread_mutex_unlock(&spare->lock);
    return NULL;
}

void pyro_spare_start_keeper(struct spare *spare)
{
    if (!spare->is_kept)
        spare->is_kept = pyro_thread_start(&spare->keeper, keep, spare) == 0;
}
