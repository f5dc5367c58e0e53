#include "workspace/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { GETDENTS_BYTES = 64 * 1024 };

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Adds the names of one answer of the kernel to `text`, each with its NUL. */
static int add_names(const uint8_t *bytes, size_t size, size_t most, struct pyro_buffer *text,
                     size_t *count)
{
    const struct dirent64 *entry;
    for (size_t at = 0; at < size; at += entry->d_reclen) {
        entry = (const struct dirent64 *)(bytes + at);
        if (is_dots(entry->d_name))
            continue;
        if (++*count > most)
            return -EOVERFLOW;
        int r = pyro_buffer_append(text, entry->d_name, strlen(entry->d_name) + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_names(int directory, size_t most, struct pyro_buffer *text, size_t *ret_count)
{
    _Alignas(struct dirent64) uint8_t bytes[GETDENTS_BYTES];
    *ret_count = 0;
    for (;;) {
        ssize_t got = getdents64(directory, bytes, sizeof(bytes));
        if (got <= 0)
            return got < 0 ? -errno : 0;
        int r = add_names(bytes, (size_t)got, most, text, ret_count);
        if (r < 0)
            return r;
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* as unsigned bytes */
}

/* A directory that is written to while it is read may tell a name twice. */
static void drop_repeated(struct pyro_listing *listing)
{
    size_t kept = 1;
    for (size_t i = 1; i < listing->count; i++)
        if (strcmp(listing->names[i], listing->names[kept - 1]) != 0)
            listing->names[kept++] = listing->names[i];
    listing->count = kept;
}

static int sort_names(struct pyro_listing *listing)
{
    const char *at = listing->text;
    if (listing->count == 0)
        return 0;
    listing->names = reallocarray(NULL, listing->count, sizeof(*listing->names));
    if (!listing->names)
        return -ENOMEM;
    for (size_t i = 0; i < listing->count; i++, at += strlen(at) + 1)
        listing->names[i] = at;
    qsort(listing->names, listing->count, sizeof(*listing->names), compare);
    drop_repeated(listing);
    return 0;
}

int pyro_listing_read(int directory, size_t most, struct pyro_listing *ret_listing)
{
    struct pyro_listing listing = {0};
    struct pyro_buffer text;
    pyro_buffer_init(&text, SIZE_MAX); /* `most` is what keeps it small */
    int r = read_names(directory, most, &text, &listing.count);
    listing.text = (char *)text.bytes; /* nothing was consumed: it begins where it is allocated */
    if (r == 0)
        r = sort_names(&listing);
    if (r < 0)
        pyro_listing_finish(&listing);
    *ret_listing = listing;
    return r;
}

void pyro_listing_finish(struct pyro_listing *listing)
{
    free(listing->names);
    free(listing->text);
    *listing = (struct pyro_listing){0};
}
