/* The baseline: what was written is read, and what was edited does no harm. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tap.h"
#include "workspace/baseline_file.h"

static struct pyro_error error;

struct writing {
    struct pyro_baseline_writer *writer;
    bool failed;
};

static struct writing begin(int bundle)
{
    struct writing writing = {NULL, false};
    writing.failed = pyro_baseline_create(bundle, &writing.writer, &error) < 0;
    return writing;
}

static void add(struct writing *writing, const struct pyro_tree_record *record)
{
    if (pyro_baseline_add(writing->writer, record, &error) < 0)
        writing->failed = true;
}

static void put(struct writing *writing, enum pyro_tree_kind kind, const char *path, unsigned mode,
                uint64_t size, const char *target)
{
    add(writing, &(struct pyro_tree_record){.type = PYRO_TREE_ENTRY,
                                            .entry = {.kind = kind,
                                                      .mode = mode,
                                                      .size = size,
                                                      .mtime_ns = 1000 + mode,
                                                      .path = path,
                                                      .target = target}});
}

static void put_data(struct writing *writing, uint64_t offset, const void *bytes, size_t size)
{
    add(writing, &(struct pyro_tree_record){
                     .type = PYRO_TREE_DATA,
                     .data = {.offset = offset, .bytes = bytes, .size = (uint32_t)size}});
}

static void put_done(struct writing *writing)
{
    add(writing, &(struct pyro_tree_record){.type = PYRO_TREE_DONE});
}

static void put_file(struct writing *writing, const char *path, unsigned mode, const char *text)
{
    put(writing, PYRO_TREE_FILE, path, mode, strlen(text), "");
    if (*text)
        put_data(writing, 0, text, strlen(text));
    put_done(writing);
}

static void put_times(struct writing *writing, const char *path, unsigned mode)
{
    add(writing, &(struct pyro_tree_record){.type = PYRO_TREE_TIMES,
                                            .times = {.path = path, .mode = mode, .mtime_ns = 77}});
}

static void note(struct writing *writing, uint64_t inode, int64_t ctime_ns)
{
    pyro_baseline_note(writing->writer,
                       &(struct pyro_tree_result){.inode = inode, .ctime_ns = ctime_ns});
}

/* True when it worked. */
static bool finish(struct writing *writing)
{
    bool good = !writing->failed && pyro_baseline_finish(writing->writer, &error) == 0;
    pyro_baseline_destroy(writing->writer);
    return good;
}

static struct pyro_baseline_entry find(const struct pyro_baseline *baseline, const char *path)
{
    struct pyro_baseline_entry entry;
    for (size_t i = 0; i < pyro_baseline_count(baseline); i++) {
        pyro_baseline_get(baseline, i, &entry);
        if (strcmp(entry.path, path) == 0)
            return entry;
    }
    return (struct pyro_baseline_entry){.path = "", .target = ""};
}

static bool has_text(const struct pyro_baseline_entry *entry, const char *text)
{
    return entry->is_text && entry->size == strlen(text) &&
           (entry->size == 0 || memcmp(entry->text, text, entry->size) == 0);
}

/* Every kind of entry; used by the damage tests too, so it is small. */
static bool write_sample(int bundle)
{
    struct writing writing = begin(bundle);
    put(&writing, PYRO_TREE_DIRECTORY, "d", 0700, 0, "");
    put_file(&writing, "d/text", 0644, "one\ntwo\n");
    put_file(&writing, "empty", 0600, "");
    put(&writing, PYRO_TREE_SYMLINK, "link", 0777, 0, "d/text");
    note(&writing, 11, 1);
    note(&writing, 12, 2);
    put(&writing, PYRO_TREE_LINK, "hard", 0644, 0, "d/text");
    put(&writing, PYRO_TREE_OTHER, "pipe", 0644, 0, "");
    put(&writing, PYRO_TREE_LINK, "hard-too", 0644, 0, "hard");
    put(&writing, PYRO_TREE_FILE, "hole", 0755, 100000, "");
    put_data(&writing, 99999, "x", 1);
    put_done(&writing);
    put_times(&writing, "d", 0550);
    put_times(&writing, "", 0755);
    note(&writing, 13, 3);
    note(&writing, 14, 4);
    note(&writing, 12, 5);
    note(&writing, 15, 6);
    note(&writing, 12, 7);
    return finish(&writing);
}

static void test_round_trip(int bundle)
{
    struct pyro_baseline *baseline = NULL;
    ok(write_sample(bundle), "a baseline is written");
    is_int(pyro_baseline_open(bundle, &baseline, &error), 0, "and opened");
    is_int(pyro_baseline_count(baseline), 7, "without what is no entry of the guest's tree");
    struct pyro_baseline_entry entry = find(baseline, "d");
    ok(entry.kind == PYRO_TREE_DIRECTORY && entry.mode == 0550 && entry.inode == 11,
       "a directory has its final mode");
    entry = find(baseline, "d/text");
    ok(entry.mode == 0644 && entry.inode == 12 && entry.mtime_ns == 1000 + 0644 &&
           has_text(&entry, "one\ntwo\n"),
       "a file has its text");
    is_int(entry.ctime_ns, 7, "and the ctime that its last name gave it");
    entry = find(baseline, "hard-too");
    ok(entry.kind == PYRO_TREE_FILE && entry.ctime_ns == 7 && has_text(&entry, "one\ntwo\n"),
       "a hard link is a file");
    entry = find(baseline, "empty");
    ok(entry.is_text && entry.size == 0 && entry.sha256[0] == 0xe3, "an empty file is text");
    entry = find(baseline, "link");
    ok(entry.kind == PYRO_TREE_SYMLINK && strcmp(entry.target, "d/text") == 0, "a symlink");
    entry = find(baseline, "hole");
    uint8_t *zeros = calloc(1, 100000), sha256[PYRO_SHA256_SIZE];
    zeros[99999] = 'x';
    pyro_sha256(zeros, 100000, sha256);
    ok(!entry.is_text && memcmp(sha256, entry.sha256, sizeof(sha256)) == 0, "holes are zeros");
    free(zeros);
    pyro_baseline_close(baseline);
    struct stat status;
    fstatat(bundle, PYRO_BASELINE_INDEX, &status, 0);
    is_int(status.st_mode & 07777, 0400, "nobody writes to it");
}

static void test_empty(int bundle)
{
    struct pyro_baseline *baseline = NULL;
    struct writing writing = begin(bundle);
    ok(finish(&writing) && pyro_baseline_open(bundle, &baseline, &error) == 0 &&
           pyro_baseline_count(baseline) == 0,
       "an empty seed has an empty baseline");
    pyro_baseline_close(baseline);
}

static void test_twice(int bundle)
{
    struct pyro_baseline *baseline = NULL;
    struct writing writing = begin(bundle);
    put_file(&writing, "a", 0644, "old");
    put(&writing, PYRO_TREE_LINK, "b", 0644, 0, "a");
    put_file(&writing, "a", 0600, "newer");
    ok(finish(&writing) && pyro_baseline_open(bundle, &baseline, &error) == 0, "a path twice");
    struct pyro_baseline_entry a = find(baseline, "a"), b = find(baseline, "b");
    ok(has_text(&a, "newer") && a.mode == 0600, "the later one counts");
    ok(has_text(&b, "old"), "a hard link leads to the earlier one");
    pyro_baseline_close(baseline);
}

static void test_text_or_not(int bundle)
{
    struct pyro_baseline *baseline = NULL;
    struct writing writing = begin(bundle);
    char *bytes = malloc(PYRO_TEXT_SIZE_MAX + 1);
    memset(bytes, 'x', PYRO_TEXT_SIZE_MAX + 1);
    const uint64_t sizes[] = {PYRO_TEXT_SIZE_MAX, PYRO_TEXT_SIZE_MAX + 1};
    for (int i = 0; i < 2; i++) {
        put(&writing, PYRO_TREE_FILE, i == 0 ? "largest" : "too-large", 0644, sizes[i], "");
        for (uint64_t at = 0; at < sizes[i]; at += PYRO_TREE_DATA_MAX)
            put_data(&writing, at, bytes + at, MIN(sizes[i] - at, (uint64_t)PYRO_TREE_DATA_MAX));
        put_done(&writing);
    }
    for (int i = 0; i < 2; i++) {
        size_t nul = (size_t)PYRO_TEXT_LOOK_BYTES - 1 + (size_t)i;
        bytes[nul] = '\0';
        put(&writing, PYRO_TREE_FILE, i == 0 ? "early-nul" : "late-nul", 0644, 10000, "");
        put_data(&writing, 0, bytes, 10000);
        put_done(&writing);
        bytes[nul] = 'x';
    }
    free(bytes);
    ok(finish(&writing) && pyro_baseline_open(bundle, &baseline, &error) == 0, "texts and others");
    ok(find(baseline, "largest").is_text && !find(baseline, "too-large").is_text, "by size");
    ok(!find(baseline, "early-nul").is_text && find(baseline, "late-nul").is_text, "by a NUL");
    pyro_baseline_close(baseline);
}

static void test_nonsense(int bundle)
{
    struct writing writing = begin(bundle);
    put_data(&writing, 0, "x", 1);
    ok(!finish(&writing), "data of no file is refused");
    writing = begin(bundle);
    put(&writing, PYRO_TREE_FILE, "a", 0644, 3, "");
    put_data(&writing, 2, "xy", 2);
    ok(!finish(&writing), "data beyond the size is refused");
    writing = begin(bundle);
    put(&writing, PYRO_TREE_FILE, "a", 0644, 3, "");
    ok(!finish(&writing), "a file without an end is refused");
    writing = begin(bundle);
    put(&writing, PYRO_TREE_LINK, "a", 0644, 0, "b");
    ok(!finish(&writing), "a link that leads nowhere is refused");
    struct stat status;
    ok(fstatat(bundle, PYRO_BASELINE_DATA ".new", &status, 0) < 0, "and nothing is left behind");
}

static void replace(int bundle, const char *name, const void *bytes, size_t size)
{
    unlinkat(bundle, name, 0);
    pyro_file_replace_at(bundle, name, bytes, size, 0600, 0);
}

/* Opens it and reads all that it says, for the sanitizers. */
static bool opens(int bundle)
{
    static volatile size_t read_all;
    struct pyro_baseline *baseline = NULL;
    if (pyro_baseline_open(bundle, &baseline, &error) < 0)
        return false;
    for (size_t i = 0; i < pyro_baseline_count(baseline); i++) {
        struct pyro_baseline_entry entry;
        pyro_baseline_get(baseline, i, &entry);
        read_all += strlen(entry.path) + strlen(entry.target);
        for (size_t at = 0; entry.is_text && at < entry.size; at++)
            read_all += entry.text[at];
    }
    pyro_baseline_close(baseline);
    return read_all != SIZE_MAX;
}

static void test_damage(int bundle)
{
    char *index, *data;
    size_t index_size, data_size, opened = 0, harmless = 0;
    write_sample(bundle);
    pyro_file_read_at(bundle, PYRO_BASELINE_INDEX, SIZE_MAX, &index, &index_size);
    pyro_file_read_at(bundle, PYRO_BASELINE_DATA, SIZE_MAX, &data, &data_size);
    for (size_t at = 0; at < index_size; at++) {
        index[at] ^= 0x11;
        replace(bundle, PYRO_BASELINE_INDEX, index, index_size);
        opened += opens(bundle);
        index[at] ^= 0x11;
    }
    is_int(opened, 0, "no byte of the index can be edited");
    /* Somebody who makes the digest right again gets as far as the checks behind it. */
    struct pyro_baseline_header *header = (struct pyro_baseline_header *)(void *)index;
    for (size_t at = sizeof(*header); at < index_size; at++) {
        for (unsigned flip = 1; flip < 256; flip = flip * 3 + 1) {
            index[at] = (char)(index[at] ^ (int)flip);
            pyro_sha256(header + 1, index_size - sizeof(*header), header->sha256);
            replace(bundle, PYRO_BASELINE_INDEX, index, index_size);
            harmless += opens(bundle);
            index[at] = (char)(index[at] ^ (int)flip);
        }
    }
    ok(harmless > 0, "edits with a right digest are refused or harmless (%zu were)", harmless);
    pyro_sha256(header + 1, index_size - sizeof(*header), header->sha256);
    for (size_t size = 0; size < index_size; size++) {
        replace(bundle, PYRO_BASELINE_INDEX, index, size);
        opened += opens(bundle);
    }
    is_int(opened, 0, "nor can it be cut");
    replace(bundle, PYRO_BASELINE_INDEX, index, index_size);
    ok(opens(bundle), "whole again it opens");
    for (size_t size = 0; size < data_size; size++) {
        replace(bundle, PYRO_BASELINE_DATA, data, size);
        opened += opens(bundle);
    }
    is_int(opened, 0, "nor can the texts be cut");
    is_text(error.message, "the baseline of this workspace is damaged", "the error says so");
    unlinkat(bundle, PYRO_BASELINE_INDEX, 0);
    ok(!opens(bundle) && error.code == PYRO_ERROR_SYSTEM, "one that is not there is damaged too");
    symlinkat("/etc/passwd", bundle, PYRO_BASELINE_INDEX);
    ok(!opens(bundle), "symlinks are not followed");
    unlinkat(bundle, PYRO_BASELINE_INDEX, 0);
    free(index);
    free(data);
}

static void test_many(int bundle)
{
    enum { MANY = 100000 };
    struct pyro_baseline *baseline = NULL;
    uint64_t start = pyro_now_ms();
    struct writing writing = begin(bundle);
    char path[64], text[1024];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "some/directory/%02d/file-%06d", i % 97, i);
        put_file(&writing, path, 0644, text);
        note(&writing, (uint64_t)i + 1, i);
    }
    ok(finish(&writing), "a hundred thousand files");
    uint64_t written = pyro_now_ms();
    ok(pyro_baseline_open(bundle, &baseline, &error) == 0 && pyro_baseline_count(baseline) == MANY,
       "are read again");
    printf("# written in %d ms, opened in %d ms\n", (int)(written - start),
           (int)(pyro_now_ms() - written));
    pyro_baseline_close(baseline);
}

int main(void)
{
    char path[] = "/tmp/pyro-test-baseline-XXXXXX";
    if (!mkdtemp(path))
        return 1;
    int bundle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_empty(bundle);
    test_round_trip(bundle);
    test_twice(bundle);
    test_text_or_not(bundle);
    test_nonsense(bundle);
    test_damage(bundle);
    test_many(bundle);
    close(bundle);
    pyro_tree_remove_at(AT_FDCWD, path);
    return tap_done();
}
