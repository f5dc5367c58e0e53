/* An archive that somebody wants to be pushed: whatever the bytes are, what is handed out of them
 * is a tree, and can be packed.
 *
 * The first byte chooses: bytes as they are, bytes whose headers get the right checksum, or an
 * archive that is made of them, member by member, so that more than the first one makes sense. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "workspace/source_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW = 0, SUMMED = 1, MADE = 2, SHAPES = 3, COMPRESS = 4, NAMED_GZIP = 8 };
enum { BLOCK = 512, SEEN_MAX = 4096 };

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- what is handed out ---- */

struct seen {
    struct {
        char *path;
        enum pyro_tree_kind kind;
    } entries[SEEN_MAX];
    size_t count;
    bool in_file;
    uint64_t size, offset;
};

/* The kind that came under that path, 0 for none. */
static int seen_kind(const struct seen *seen, const char *path, size_t length)
{
    for (size_t i = 0; i < seen->count; i++)
        if (strlen(seen->entries[i].path) == length &&
            memcmp(seen->entries[i].path, path, length) == 0)
            return (int)seen->entries[i].kind;
    return 0;
}

static void check_entry(struct seen *seen, const struct pyro_tree_entry *entry)
{
    const char *slash = strrchr(entry->path, '/');
    size_t length = strlen(entry->path);
    must(!seen->in_file && length > 0 && entry->kind <= PYRO_TREE_LINK);
    must(seen_kind(seen, entry->path, length) == 0);
    if (slash)
        must(seen_kind(seen, entry->path, (size_t)(slash - entry->path)) == PYRO_TREE_DIRECTORY);
    if (entry->kind == PYRO_TREE_LINK)
        must(seen_kind(seen, entry->target, strlen(entry->target)) == PYRO_TREE_FILE);
    if (seen->count < SEEN_MAX) {
        seen->entries[seen->count].kind = entry->kind;
        seen->entries[seen->count++].path = strdup(entry->path);
    }
    seen->in_file = entry->kind == PYRO_TREE_FILE;
    seen->size = entry->size;
    seen->offset = 0;
}

static void check_record(struct seen *seen, const struct pyro_tree_record *record,
                         struct pyro_buffer *out)
{
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        check_entry(seen, &record->entry);
        must(pyro_tree_entry_pack(out, &record->entry) == 0);
        break;
    case PYRO_TREE_DATA:
        must(seen->in_file && record->data.offset >= seen->offset);
        seen->offset = record->data.offset + record->data.size;
        must(seen->offset <= seen->size);
        must(pyro_tree_data_pack(out, record->data.offset, record->data.bytes, record->data.size) ==
             0);
        break;
    case PYRO_TREE_DONE:
        must(seen->in_file && record->done == 0);
        seen->in_file = false;
        break;
    default:
        must(record->type == PYRO_TREE_TIMES && !seen->in_file);
        must(seen_kind(seen, record->times.path, strlen(record->times.path)) ==
             PYRO_TREE_DIRECTORY);
        must(pyro_tree_times_pack(out, &record->times) == 0);
    }
}

static void run(const uint8_t *bytes, size_t size, const char *name)
{
    struct pyro_tree_source *source;
    struct pyro_tree_record record;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct pyro_buffer out;
    pyro_buffer_init(&out, PYRO_TREE_RECORD_MAX);
    int r = -1, fd = memfd_create("archive", MFD_CLOEXEC);
    must(seen && fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    if (pyro_source_archive_open_here(fd, name, "seed_path", &source, &error) == 0) {
        while ((r = pyro_tree_source_next(source, &record, &error)) > 0) {
            check_record(seen, &record, &out);
            pyro_buffer_consume(&out, out.size);
        }
        pyro_tree_source_close(source);
    }
    must(r == 0 || (error.code != PYRO_ERROR_NONE && *error.message));
    must(error.code != PYRO_ERROR_INTERNAL);
    for (size_t i = 0; i < seen->count; i++)
        free(seen->entries[i].path);
    free(seen);
    pyro_buffer_finish(&out);
}

/* ---- archives made of bytes ---- */

static uint8_t take_byte(const uint8_t **at, const uint8_t *end)
{
    return *at < end ? *(*at)++ : 0;
}

static void set_checksum(uint8_t *block)
{
    char text[8];
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += block[i];
    snprintf(text, sizeof(text), "%06o", sum & 0777777);
    memcpy(block + 148, text, 7);
}

static void append_zeros(struct pyro_buffer *out, size_t size)
{
    static const uint8_t zeros[2 * BLOCK];
    pyro_buffer_append(out, zeros, size);
}

/* Every block that could be a header becomes one. */
static void append_summed(struct pyro_buffer *out, const uint8_t *bytes, size_t size)
{
    pyro_buffer_append(out, bytes, size);
    append_zeros(out, (BLOCK - size % BLOCK) % BLOCK);
    for (size_t at = 0; at < out->size; at += BLOCK) {
        uint8_t *block = pyro_buffer_data(out) + at;
        if (block[0] != 0 && block[156] < 128)
            set_checksum(block);
    }
}

static const char *choose_name(uint8_t byte)
{
    static const char *const names[] = {"a",        "b",        "d/",      "d",   "d/a",  "d/e/",
                                        "d/e/f/g",  "./a",      "s",       "s/a", "d/s",  "d/s/a",
                                        "/a",       "../a",     "",        ".",   "./",   "a/b",
                                        "d//e/./h", "d/e/../x", "n\n\xff", "d/b", "d/e/a"};
    return names[byte % ARRAY_SIZE(names)];
}

static const char *choose_target(uint8_t byte)
{
    static const char *const targets[] = {"a",       "./a",  "d/a",  "d",       "..",
                                          "../..",   "/etc", "e/..", "../a",    "s",
                                          "d/e/f/g", "",     "b",    "s/../..", "d/b"};
    return targets[byte % ARRAY_SIZE(targets)];
}

/* Writes a pax header's records, of which it is given "key=value" in lines. */
static void choose_pax(uint8_t byte, char *text, size_t room)
{
    static const char sparse_1[] = "GNU.sparse.major=1\nGNU.sparse.minor=0\n"
                                   "GNU.sparse.realsize=600\n";
    static const char sparse_0[] = "GNU.sparse.major=0\nGNU.sparse.minor=1\n"
                                   "GNU.sparse.size=600\nGNU.sparse.map=1,1,9,2\n";
    static const char *const headers[] = {
        sparse_1,
        sparse_0,
        "path=d/p\n",
        "path=\xff\xc3\xa9/x/yz\n",
        "linkpath=a\n",
        "mtime=1.123456789\n",
        "mtime=9999999999999999999.9\n",
        "size=3\n",
        "size=9223372036854775807\n",
        "hdrcharset=BINARY\npath=\xfe\n",
        "SCHILY.realsize=5000000\n",
        "a=\n",
    };
    const char *line = headers[byte % ARRAY_SIZE(headers)];
    for (size_t used = 0; *line; line += strcspn(line, "\n") + 1) {
        size_t rest = strcspn(line, "\n") + 2, length = rest + (rest < 9 ? 1 : 2);
        used +=
            (size_t)snprintf(text + used, room - used, "%zu %.*s\n", length, (int)rest - 2, line);
    }
}

static void append_header(struct pyro_buffer *out, const char *name, uint8_t type, unsigned mode,
                          unsigned size, const char *target)
{
    char block[BLOCK] = {0};
    snprintf(block, 100, "%s", name);
    snprintf(block + 100, 8, "%07o", mode);
    snprintf(block + 124, 12, "%011o", size);
    block[156] = (char)type;
    snprintf(block + 157, 100, "%s", target);
    memcpy(block + 257, mode & 1 ? "ustar\00000" : "ustar  ", 8);
    set_checksum((uint8_t *)block);
    pyro_buffer_append(out, block, sizeof(block));
}

static void append_data(struct pyro_buffer *out, const uint8_t *bytes, size_t size)
{
    pyro_buffer_append(out, bytes, size);
    append_zeros(out, (BLOCK - size % BLOCK) % BLOCK);
}

static void append_member(struct pyro_buffer *out, const uint8_t **at, const uint8_t *end)
{
    static const uint8_t types[] = "000005512xgLKS1346\0";
    uint8_t type = types[take_byte(at, end) % sizeof(types)];
    unsigned mode = take_byte(at, end) * (take_byte(at, end) % 8 == 0 ? 16u : 1u);
    const char *name = choose_name(take_byte(at, end));
    const char *target = choose_target(take_byte(at, end));
    size_t size = MIN((size_t)take_byte(at, end) * 4, (size_t)(end - *at));
    char text[256] = "";
    if (type == 'x' || type == 'g')
        choose_pax(take_byte(at, end), text, sizeof(text));
    if (type == 'L' || type == 'K')
        strcpy(text, choose_name(take_byte(at, end)));
    append_header(out, name, type, mode, (unsigned)(*text ? strlen(text) : size), target);
    if (*text) {
        append_data(out, (const uint8_t *)text, strlen(text));
    } else if (size > 0) {
        size = MIN(size, (size_t)(end - *at));
        append_data(out, *at, size);
        *at += size;
    }
}

static void compress_all(struct pyro_buffer *out)
{
    z_stream zlib = {0};
    struct pyro_buffer packed;
    pyro_buffer_init(&packed, 4 << 20);
    must(deflateInit2(&zlib, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&zlib, out->size);
    zlib.next_in = pyro_buffer_data(out);
    zlib.avail_in = (uInt)out->size;
    zlib.next_out = pyro_buffer_reserve(&packed, room);
    zlib.avail_out = (uInt)room;
    must(zlib.next_out && deflate(&zlib, Z_FINISH) == Z_STREAM_END);
    pyro_buffer_commit(&packed, zlib.total_out);
    deflateEnd(&zlib);
    pyro_buffer_finish(out);
    *out = packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_buffer made;
    if (size == 0)
        return 0;
    const uint8_t *at = data + 1, *end = data + size;
    uint8_t choice = *data, shape = choice % 4 % SHAPES;
    pyro_buffer_init(&made, 4 << 20);
    must(pyro_buffer_reserve(&made, 1) != NULL); /* it has an address even when it stays empty */
    if (shape == RAW)
        pyro_buffer_append(&made, at, size - 1);
    else if (shape == SUMMED)
        append_summed(&made, at, size - 1);
    while (shape == MADE && at < end)
        append_member(&made, &at, end);
    if (shape != RAW && !(choice & 16))
        append_zeros(&made, 2 * BLOCK);
    if (choice & COMPRESS)
        compress_all(&made);
    bool is_gzip = choice & (COMPRESS | NAMED_GZIP);
    run(pyro_buffer_data(&made), made.size, is_gzip ? "x.tgz" : "x.tar");
    pyro_buffer_finish(&made);
    return 0;
}
