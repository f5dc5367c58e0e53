/* The records of trees: what is packed comes out again, what is cut is waited for, what cannot be
 * is refused. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "tap.h"
#include "wire/pack.h"
#include "wire/tree.h"

enum { CAP = 1024 * 1024 };

/* Decodes from an exact allocation, so that the sanitizer sees any byte read beyond it. */
static int decode(const uint8_t *bytes, size_t size)
{
    struct pyro_tree_record record;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    int r = pyro_tree_decode(copy, size, &record);
    free(copy);
    return r;
}

static const struct pyro_tree_entry file = {.kind = PYRO_TREE_FILE,
                                            .mode = 01755,
                                            .size = INT64_MAX,
                                            .mtime_ns = -1,
                                            .ctime_ns = 123456789012345678,
                                            .inode = UINT64_MAX,
                                            .path = "a\n/\xff\xfe",
                                            .target = ""};

static void pack_one_of_each(struct pyro_buffer *out)
{
    struct pyro_tree_entry link = file;
    link.kind = PYRO_TREE_LINK;
    link.target = "b/c";
    is_int(pyro_tree_entry_pack(out, &file), 0, "a file is packed");
    is_int(pyro_tree_data_pack(out, 77, "bytes", 5), 0, "data is packed");
    is_int(pyro_tree_done_pack(out, ESTALE), 0, "done is packed");
    is_int(pyro_tree_entry_pack(out, &link), 0, "a link is packed");
    is_int(pyro_tree_times_pack(
               out, &(struct pyro_tree_times){.path = "", .mode = 0700, .mtime_ns = INT64_MIN}),
           0, "times are packed");
    is_int(pyro_tree_result_pack(
               out, &(struct pyro_tree_result){.error = EISDIR, .inode = 9, .ctime_ns = -7}),
           0, "a result is packed");
    is_int(pyro_tree_end_pack(out), 0, "the end is packed");
}

static bool same_entry(const struct pyro_tree_entry *a, const struct pyro_tree_entry *b)
{
    return a->kind == b->kind && a->mode == b->mode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode &&
           strcmp(a->path, b->path) == 0;
}

static bool is_as_packed(size_t number, const struct pyro_tree_record *record)
{
    struct pyro_tree_entry link = file;
    link.kind = PYRO_TREE_LINK;
    switch (number) {
    case 0:
        return record->type == PYRO_TREE_ENTRY && same_entry(&record->entry, &file) &&
               !*record->entry.target;
    case 1:
        return record->type == PYRO_TREE_DATA && record->data.offset == 77 &&
               record->data.size == 5 && memcmp(record->data.bytes, "bytes", 5) == 0;
    case 2:
        return record->type == PYRO_TREE_DONE && record->done == ESTALE;
    case 3:
        return record->type == PYRO_TREE_ENTRY && same_entry(&record->entry, &link) &&
               strcmp(record->entry.target, "b/c") == 0;
    case 4:
        return record->type == PYRO_TREE_TIMES && !*record->times.path &&
               record->times.mode == 0700 && record->times.mtime_ns == INT64_MIN;
    case 5:
        return record->type == PYRO_TREE_RESULT && record->result.error == EISDIR &&
               record->result.inode == 9 && record->result.ctime_ns == -7;
    default:
        return record->type == PYRO_TREE_END;
    }
}

static void test_round_trip_and_cuts(void)
{
    struct pyro_buffer stream;
    struct pyro_tree_record record;
    size_t number = 0, waited = 0, cuts = 0;
    pyro_buffer_init(&stream, CAP);
    pack_one_of_each(&stream);
    for (; stream.size > 0; number++) {
        const uint8_t *bytes = pyro_buffer_data(&stream);
        if (!is_int(pyro_tree_decode(bytes, stream.size, &record), 1, "a record is decoded"))
            break;
        ok(is_as_packed(number, &record), "record %zu is as it was packed", number);
        for (size_t size = 0; size < record.size; size++, cuts++)
            waited += decode(bytes, size) == 0;
        pyro_buffer_consume(&stream, record.size);
    }
    is_int(number, 7, "all of them");
    is_int(waited, cuts, "cut anywhere, more bytes are waited for");
    pyro_buffer_finish(&stream);
}

/* Every byte of every record with some other values: what is taken is what could have been sent. */
static void test_changed_bytes(void)
{
    static const uint8_t values[] = {0, 1, 2, 7, '.', '/', 0x7f, 0x80, 0xff};
    struct pyro_buffer stream;
    size_t odd = 0;
    pyro_buffer_init(&stream, CAP);
    pack_one_of_each(&stream);
    uint8_t *bytes = pyro_buffer_data(&stream);
    for (size_t at = 0, size; at < stream.size; at += size) {
        struct pyro_tree_record record;
        if (pyro_tree_decode(bytes + at, stream.size - at, &record) != 1)
            break;
        size = record.size;
        for (size_t i = at; i < at + size; i++) {
            uint8_t before = bytes[i];
            for (size_t v = 0; v < sizeof(values); v++) {
                bytes[i] = values[v];
                int r = pyro_tree_decode(bytes + at, size, &record);
                odd += r > 1 || (r == 1 && record.size > size) || (r < 0 && r != -EPROTO);
            }
            bytes[i] = before;
        }
    }
    is_int(odd, 0, "a changed byte is refused, or makes another whole record");
    pyro_buffer_finish(&stream);
}

/* A record with the bytes given, its length put before it. */
static int decode_raw(const char *bytes, size_t size)
{
    struct pyro_buffer stream;
    struct pyro_pack pack = {.out = &stream};
    pyro_buffer_init(&stream, CAP);
    pyro_pack_bytes(&pack, bytes, size);
    int r = decode(pyro_buffer_data(&stream), stream.size);
    pyro_buffer_finish(&stream);
    return r;
}

#define RAW(bytes) decode_raw(bytes, sizeof(bytes) - 1)
#define EIGHT "\0\0\0\0\0\0\0\0"

static void test_hostile(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 2};
    static const uint8_t empty[] = {0, 0, 0, 0, 2};
    is_int(decode(huge, sizeof(huge)), -EPROTO, "a huge length is refused at once");
    is_int(decode(empty, sizeof(empty)), -EPROTO, "a record has a type");
    is_int(RAW("\0"), -EPROTO, "type 0");
    is_int(RAW("\7"), -EPROTO, "type 7");
    is_int(RAW("\6"), 1, "the end");
    is_int(RAW("\6x"), -EPROTO, "the end with something behind it");
    is_int(RAW("\3\1\0\0"), -EPROTO, "a short DONE");
    is_int(RAW("\2" EIGHT), -EPROTO, "data without bytes");
    is_int(RAW("\2\xff\xff\xff\xff\xff\xff\xff\x7fx"), -EPROTO, "data beyond all files");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\2\0\0\0a\0"), 1, "times");
    is_int(RAW("\4\xed\11\0\0" EIGHT "\2\0\0\0a\0"), -EPROTO, "times with a set-id bit");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\1\0\0\0a"), -EPROTO, "a text without its NUL");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\3\0\0\0a\0\0"), -EPROTO, "a text with two");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\0\0\0\0"), -EPROTO, "a text without anything");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\3\0\0\0..\0"), -EPROTO, "a way out");
    is_int(RAW("\4\xed\1\0\0" EIGHT "\xff\xff\xff\xff"), -EPROTO, "a text that is not there");
}

static int pack(struct pyro_tree_entry entry)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, CAP);
    int r = pyro_tree_entry_pack(&out, &entry);
    pyro_buffer_finish(&out);
    return r;
}

#define PACK(kind_, ...)                                                                           \
    pack((struct pyro_tree_entry){.kind = (kind_), .path = "a", .target = "", __VA_ARGS__})

static void test_refused_to_pack(void)
{
    struct pyro_buffer small;
    static const uint8_t bytes[PYRO_TREE_DATA_MAX + 1];
    is_int(PACK(PYRO_TREE_FILE, .mode = 04755), -EINVAL, "a set-user-id file");
    is_int(PACK(0, .mode = 0), -EINVAL, "no kind");
    is_int(PACK(PYRO_TREE_MISSING + 1, .mode = 0), -EINVAL, "an unknown kind");
    is_int(PACK(PYRO_TREE_FILE, .size = 1ull << 63), -EINVAL, "a size that no file has");
    is_int(PACK(PYRO_TREE_SYMLINK, .mode = 0), -EINVAL, "a symlink to nothing");
    is_int(PACK(PYRO_TREE_FILE, .mode = 0), 0, "an empty file");
    is_int(pack((struct pyro_tree_entry){.kind = PYRO_TREE_LINK, .path = "a", .target = "/b"}),
           -EINVAL, "a hard link out of the tree");
    is_int(pack((struct pyro_tree_entry){.kind = PYRO_TREE_SYMLINK, .path = "a", .target = "/b"}),
           0, "a symlink to anywhere");
    pyro_buffer_init(&small, 20);
    is_int(pyro_tree_entry_pack(&small, &file), -EOVERFLOW, "no room");
    is_int(small.size, 0, "and nothing of it was written");
    is_int(pyro_tree_data_pack(&small, 0, bytes, 0), -EINVAL, "no data");
    is_int(pyro_tree_data_pack(&small, 0, bytes, sizeof(bytes)), -EINVAL, "too much of it");
    pyro_buffer_finish(&small);
}

static void test_data_header(void)
{
    struct pyro_buffer out;
    uint8_t header[PYRO_TREE_DATA_HEADER_SIZE];
    pyro_buffer_init(&out, CAP);
    pyro_tree_data_pack(&out, 0x123456789abcull, "xyz", 3);
    pyro_tree_data_header(header, 0x123456789abcull, 3);
    ok(memcmp(header, pyro_buffer_data(&out), sizeof(header)) == 0 &&
           memcmp(pyro_buffer_data(&out) + sizeof(header), "xyz", 3) == 0,
       "a header made alone is the one of the record");
    pyro_buffer_finish(&out);
}

static void test_safe_paths(void)
{
    static const char *const safe[] = {"", "a", "a/b", "...", "..a/b..", ".a", " ", "\xff", "a\nb"};
    static const char *const unsafe[] = {"/",   "/a",   "a/",    "a//b", ".",     "..",
                                         "./a", "../a", "a/./b", "a/..", "a/../b"};
    char path[PYRO_TREE_PATH_MAX + 2];
    for (size_t i = 0; i < ARRAY_SIZE(safe); i++)
        ok(pyro_tree_path_is_safe(safe[i]), "safe path %zu", i);
    for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++)
        ok(!pyro_tree_path_is_safe(unsafe[i]), "unsafe: %s", unsafe[i]);
    memset(path, 'x', sizeof(path));
    for (size_t i = PYRO_TREE_NAME_MAX; i < sizeof(path); i += PYRO_TREE_NAME_MAX + 1)
        path[i] = '/';
    path[PYRO_TREE_PATH_MAX] = '\0'; /* sixteen names of 255 bytes */
    ok(pyro_tree_path_is_safe(path), "the longest path");
    path[PYRO_TREE_PATH_MAX] = '/';
    path[PYRO_TREE_PATH_MAX + 1] = '\0';
    ok(!pyro_tree_path_is_safe(path), "one byte more");
    memset(path, 'x', 256);
    path[256] = '\0';
    ok(!pyro_tree_path_is_safe(path), "a name that is too long");
}

int main(void)
{
    test_round_trip_and_cuts();
    test_changed_bytes();
    test_hostile();
    test_refused_to_pack();
    test_data_header();
    test_safe_paths();
    return tap_done();
}
