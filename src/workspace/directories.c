#include "workspace/directories.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* Makes room for `more` of `size` bytes each behind `count`. */
static int reserve(void *slot, size_t *capacity, size_t count, size_t more, size_t size)
{
    void **array = slot;
    if (*capacity - count >= more)
        return 0;
    size_t wanted = MAX(count + more, 2 * *capacity);
    void *larger = reallocarray(*array, wanted, size);
    if (!larger)
        return -ENOMEM;
    *array = larger;
    *capacity = wanted;
    return 0;
}

int pyro_directories_init(struct pyro_directories *list)
{
    uint32_t root;
    *list = (struct pyro_directories){0};
    return pyro_directories_add(list, PYRO_DIRECTORY_ROOT, "", &root);
}

void pyro_directories_finish(struct pyro_directories *list)
{
    free(list->items);
    free(list->names);
    *list = (struct pyro_directories){0};
}

int pyro_directories_add(struct pyro_directories *list, uint32_t parent, const char *name,
                         uint32_t *ret_index)
{
    size_t size = strlen(name) + 1;
    if (reserve(&list->items, &list->capacity, list->count, 1, sizeof(*list->items)) < 0 ||
        reserve(&list->names, &list->names_capacity, list->names_size, size, 1) < 0)
        return -ENOMEM;
    *ret_index = (uint32_t)list->count++;
    list->items[*ret_index] = (struct pyro_directory){.parent = parent, .name = list->names_size};
    memcpy(list->names + list->names_size, name, size);
    list->names_size += size;
    return 0;
}

/* Puts a component in front of the path that begins at `at`; NULL when there is no room. */
static char *put_before(char *start, char *at, const char *name)
{
    size_t length = strlen(name);
    size_t slash = *at != '\0';
    if ((size_t)(at - start) < length + slash)
        return NULL;
    if (slash)
        *--at = '/';
    return memcpy(at - length, name, length);
}

int pyro_directories_path(const struct pyro_directories *list, uint32_t directory, const char *name,
                          char ret_path[PYRO_TREE_PATH_MAX + 1])
{
    char *end = ret_path + PYRO_TREE_PATH_MAX;
    *end = '\0';
    char *at = put_before(ret_path, end, name);
    while (at && directory != PYRO_DIRECTORY_ROOT) {
        at = put_before(ret_path, at, list->names + list->items[directory].name);
        directory = list->items[directory].parent;
    }
    if (!at)
        return -ENAMETOOLONG;
    memmove(ret_path, at, (size_t)(end - at) + 1);
    return 0;
}
