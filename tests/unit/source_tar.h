/* Archives, byte by byte: what no tar program would write. */
#ifndef PYRO_SOURCE_TAR_H
#define PYRO_SOURCE_TAR_H

#include <archive.h>
#include <archive_entry.h>

#include "source_story.h"

static struct pyro_buffer tar;

static inline void octal(uint8_t *field, size_t width, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)value);
    memcpy(field, text, width);
}

static inline void header(const char *name, char type, uint32_t mode, uint64_t size,
                          const char *target)
{
    uint8_t block[512] = {0};
    unsigned sum = 0;
    memcpy(block, name, MIN(strlen(name), (size_t)100));
    octal(block + 100, 8, mode);
    octal(block + 108, 8, 0);
    octal(block + 116, 8, 0);
    if (size >> 33) { /* base 256 */
        block[124] = 0x80;
        for (int i = 0; i < 8; i++)
            block[135 - i] = (uint8_t)(size >> (8 * i));
    } else {
        octal(block + 124, 12, size);
    }
    octal(block + 136, 12, 1000000000);
    memset(block + 148, ' ', 8);
    block[156] = (uint8_t)type;
    memcpy(block + 157, target, MIN(strlen(target), (size_t)100));
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += block[i];
    octal(block + 148, 7, sum);
    pyro_buffer_append(&tar, block, sizeof(block));
}

static inline void padded(const void *bytes, size_t size)
{
    static const uint8_t zeros[512];
    pyro_buffer_append(&tar, bytes, size);
    pyro_buffer_append(&tar, zeros, (512 - size % 512) % 512);
}

static inline void member(const char *name, const char *data)
{
    header(name, '0', 0644, strlen(data), "");
    padded(data, strlen(data));
}

/* A header for the next member: "key=value" each, ended by NULL. */
static inline void pax(const char *const *records)
{
    char text[8192];
    size_t used = 0;
    for (; *records; records++) {
        size_t rest = strlen(*records) + 2, length = rest + 1; /* with ' ' and '\n' */
        while ((size_t)snprintf(NULL, 0, "%zu", length) + rest != length)
            length++;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%zu %s\n", length, *records);
    }
    header("PaxHeaders/x", 'x', 0644, used, "");
    padded(text, used);
}
#define PAX(...) pax((const char *const[]){__VA_ARGS__, NULL})

static inline void zero_blocks(size_t count)
{
    static const uint8_t zeros[512];
    while (count-- > 0)
        pyro_buffer_append(&tar, zeros, sizeof(zeros));
}

static inline void start(void)
{
    pyro_buffer_finish(&tar);
    pyro_buffer_init(&tar, 1 << 30);
}

static inline void write_tar(void)
{
    put("x.tar", pyro_buffer_data(&tar), tar.size);
}

/* Compresses with libarchive, as one member of gzip data. */
static inline void gzip(const void *bytes, size_t size, struct pyro_buffer *out)
{
    size_t room = size + 4096, used = 0;
    uint8_t *to = malloc(room);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    archive_write_add_filter_gzip(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_write_open_memory(archive, to, room, &used);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(archive, entry);
    archive_write_data(archive, bytes, size);
    archive_write_close(archive);
    archive_write_free(archive);
    archive_entry_free(entry);
    pyro_buffer_append(out, to, used);
    free(to);
}

static inline void write_tgz(void)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, 1 << 30);
    gzip(pyro_buffer_data(&tar), tar.size, &out);
    put("x.tgz", pyro_buffer_data(&out), out.size);
    pyro_buffer_finish(&out);
}

/* A bit of everything. */

#endif
