#include "store/gate.h"

#include <pthread.h>

static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* held inside of the gate only */
static struct pyro_store *connected;

static void before_fork(void)
{
    pthread_rwlock_wrlock(&gate);
    while (connected)
        pyro_store_disconnect(connected);
}

static void after_in_parent(void)
{
    pthread_rwlock_unlock(&gate);
}

static void after_in_child(void)
{
    gate = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_in_parent, after_in_child);
}

int pyro_store_gate_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_rwlock_rdlock(&gate);
    return 0;
}

int pyro_store_enter(struct pyro_store *store, struct pyro_error *error)
{
    cleanup_store_gate int entered = pyro_store_gate_enter();
    if (!store->database && pyro_store_connect(store, error) < 0)
        return -1;
    entered = -1; /* the caller leaves */
    return 0;
}

void pyro_store_leave(const int *entered)
{
    if (*entered >= 0)
        pthread_rwlock_unlock(&gate);
}

void pyro_store_gate_add(struct pyro_store *store)
{
    pthread_mutex_lock(&list_lock);
    store->next = connected;
    connected = store;
    pthread_mutex_unlock(&list_lock);
}

void pyro_store_gate_remove(struct pyro_store *store)
{
    pthread_mutex_lock(&list_lock);
    for (struct pyro_store **at = &connected; *at; at = &(*at)->next) {
        if (*at == store) {
            *at = store->next;
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
}
