/* Small helpers used everywhere: cleanup attributes, sizes, ownership transfer. */
#ifndef PYRO_BASE_MACROS_H
#define PYRO_BASE_MACROS_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define PYRO_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

/* cleanup_free char *text = …;  cleanup_close int fd = -1; */
#define cleanup_free __attribute__((cleanup(pyro_cleanup_free)))
#define cleanup_close __attribute__((cleanup(pyro_cleanup_close)))

static inline void pyro_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void pyro_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void *pyro_steal_pointer(void *pointer)
{
    void **slot = pointer;
    void *value = *slot;
    *slot = NULL;
    return value;
}

/* Hands a pointer on: the variable becomes NULL, so its cleanup does nothing. */
#define steal_pointer(pointer) ((__typeof__(*(pointer)))pyro_steal_pointer(pointer))

static inline int steal_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

#endif
