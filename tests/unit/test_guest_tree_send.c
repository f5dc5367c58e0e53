/* "list", "send" and "fetch": what is there is told as it is, and nothing that lies elsewhere. */
#include "guest_tree.h"
#include "tap.h"

static char root[64];

static const char *at(const char *name)
{
    static char paths[2][PYRO_TREE_PATH_MAX + 100];
    static unsigned next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static void put(const char *name, const void *content, size_t size)
{
    cleanup_close int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 || pyro_fd_write_all(fd, content, size) < 0)
        abort();
}

/* One of everything. */
static void make_tree(void)
{
    pyro_tree_remove_at(AT_FDCWD, root);
    mkdir(root, 0755);
    mkdir(at("d"), 01750);
    mkdir(at("d/e"), 0700);
    put("d/odd\n\xff", "content", 7);
    put("empty", "", 0);
    symlink("/etc/passwd", at("s"));
    symlink("..", at("d/up"));
    mkfifo(at("pipe"), 0600);
    utimensat(AT_FDCWD, at("d/odd\n\xff"),
              (struct timespec[]){{.tv_sec = 1}, {.tv_sec = -1, .tv_nsec = 999999999}}, 0);
    chmod(at("d/odd\n\xff"), 06711);
    link(at("d/odd\n\xff"), at("d/e/hard"));
}

static bool is_told(const struct pyro_tree_entry *entry, const char *name)
{
    struct stat status;
    if (lstat(at(name), &status) < 0)
        return false;
    return entry->mode == (status.st_mode & PYRO_TREE_MODE_MASK) && entry->inode == status.st_ino &&
           entry->mtime_ns == status.st_mtim.tv_sec * 1000000000ll + status.st_mtim.tv_nsec &&
           entry->ctime_ns == status.st_ctim.tv_sec * 1000000000ll + status.st_ctim.tv_nsec &&
           entry->size == (S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0);
}

static void test_list(void)
{
    static const struct {
        const char *path, *target;
        enum pyro_tree_kind kind;
    } wanted[] = {{"d", "", PYRO_TREE_DIRECTORY},      {"d/e", "", PYRO_TREE_DIRECTORY},
                  {"d/odd\n\xff", "", PYRO_TREE_FILE}, {"d/e/hard", "", PYRO_TREE_FILE},
                  {"empty", "", PYRO_TREE_FILE},       {"s", "/etc/passwd", PYRO_TREE_SYMLINK},
                  {"d/up", "..", PYRO_TREE_SYMLINK},   {"pipe", "", PYRO_TREE_OTHER}};
    struct tree_run run;
    struct pyro_tree_record record;
    size_t seen = 0, good = 0;
    bool has_d = false, in_order = true;
    make_tree();
    is_int(TREE_RUN(&run, NULL, "list", root), 0, "listed");
    while (tree_next(&run, &record) && record.type == PYRO_TREE_ENTRY) {
        seen++;
        has_d |= strcmp(record.entry.path, "d") == 0;
        in_order &= has_d || strncmp(record.entry.path, "d/", 2) != 0;
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
            good += strcmp(record.entry.path, wanted[i].path) == 0 &&
                    record.entry.kind == wanted[i].kind &&
                    strcmp(record.entry.target, wanted[i].target) == 0 &&
                    is_told(&record.entry, wanted[i].path);
    }
    is_int(record.type, PYRO_TREE_END, "up to the end");
    is_int(run.out.size, 0, "with nothing behind it");
    is_int(good, ARRAY_SIZE(wanted), "everything as it is");
    is_int(seen, ARRAY_SIZE(wanted), "and nothing else");
    ok(in_order, "parents first");
    tree_run_finish(&run);
    is_int(TREE_RUN(&run, NULL, "list", "/nonexistent"), 1, "a root that is not there");
    is_int(run.out.size, 0, "is not listed");
    is_text(run.error, "cannot open /nonexistent: No such file or directory\n", "which is said");
    tree_run_finish(&run);
}

static size_t count_entries(struct tree_run *run)
{
    struct pyro_tree_record record;
    size_t count = 0;
    while (tree_next(run, &record) && record.type == PYRO_TREE_ENTRY)
        count++;
    return count;
}

/* As deep as a path can name, and then deeper. */
static void test_deep(void)
{
    enum { NAME = 99, DEEPEST = PYRO_TREE_PATH_MAX / (NAME + 1) };
    char name[NAME + 1];
    struct tree_run run;
    memset(name, 'x', NAME);
    name[NAME] = '\0';
    make_tree();
    int fd = open(root, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < DEEPEST; i++) {
        mkdirat(fd, name, 0755);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    is_int(TREE_RUN(&run, NULL, "list", root), 0, "the deepest tree is listed");
    is_int(count_entries(&run), 8 + DEEPEST, "all of it");
    tree_run_finish(&run);
    is_int(mkdirat(fd, name, 0755), 0, "a directory below what a path can name");
    close(fd);
    is_int(TREE_RUN(&run, NULL, "list", root), 1, "fails");
    ok(strstr(run.error, "is longer than 4095 bytes\n") != NULL, "and says why");
    tree_run_finish(&run);
}

static void test_many(void)
{
    enum { COUNT = 3000 };
    struct tree_run run;
    char name[32];
    make_tree();
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "d/many-%d", i);
        if (i % 3 == 0)
            mkdir(at(name), 0755);
        else
            put(name, name, sizeof(name));
    }
    is_int(TREE_RUN(&run, NULL, "list", root), 0, "a large directory");
    is_int(count_entries(&run), 8 + COUNT, "all of it");
    tree_run_finish(&run);
}

/* What was sent, received elsewhere, sends the same again but for inodes and times of change. */
static void test_send_and_receive(void)
{
    static const char byte[2] = "x";
    char copy[80];
    struct tree_run run, again, received;
    struct pyro_tree_record record;
    size_t differences = 0;
    make_tree();
    unlink(at("pipe"));
    cleanup_close int fd = open(at("sparse"), O_WRONLY | O_CREAT, 0644);
    pwrite(fd, byte, 1, 3 << 20);
    pwrite(fd, byte, 1, 5 << 20);
    ftruncate(fd, 9 << 20);
    snprintf(copy, sizeof(copy), "%s-copy", root);
    is_int(TREE_RUN(&run, NULL, "send", root, ""), 0, "sent");
    ok(run.out.size < 1 << 20, "holes are not sent");
    is_int(TREE_RUN(&received, &run.out, "receive", copy, "", "new"), 0, "received");
    is_int(TREE_RUN(&again, NULL, "send", copy, ""), 0, "sent again");
    ok(again.out.size == run.out.size, "as large");
    while (tree_next(&run, &record)) {
        struct pyro_tree_record other;
        static uint8_t bytes[PYRO_TREE_RECORD_MAX];
        memcpy(bytes, pyro_buffer_data(&again.out), MIN(again.out.size, sizeof(bytes)));
        pyro_tree_decode(bytes, again.out.size, &other);
        pyro_buffer_consume(&again.out, other.size);
        differences += other.type != record.type || other.size != record.size;
        if (record.type == PYRO_TREE_ENTRY && record.entry.kind != PYRO_TREE_DIRECTORY)
            differences += strcmp(record.entry.path, other.entry.path) != 0 ||
                           record.entry.mode != other.entry.mode ||
                           record.entry.mtime_ns != other.entry.mtime_ns;
        if (record.type == PYRO_TREE_DATA)
            differences += record.data.offset != other.data.offset ||
                           memcmp(record.data.bytes, other.data.bytes, record.data.size) != 0;
        if (record.type == PYRO_TREE_DONE)
            differences += record.done != 0;
    }
    is_int(differences, 0, "the same");
    tree_run_finish(&run);
    tree_run_finish(&again);
    tree_run_finish(&received);
    pyro_tree_remove_at(AT_FDCWD, copy);
}

static void test_send_one(void)
{
    struct tree_run run;
    struct pyro_tree_record record;
    make_tree();
    is_int(TREE_RUN(&run, NULL, "send", root, "d/odd\n\xff"), 0, "a file is sent");
    ok(tree_next(&run, &record) && record.entry.kind == PYRO_TREE_FILE && !*record.entry.path &&
           record.entry.size == 7 && record.entry.mode == 0711,
       "as the root of what is sent, without its set-id bits");
    ok(tree_next(&run, &record) && memcmp(record.data.bytes, "content", 7) == 0, "its data");
    ok(tree_next(&run, &record) && record.type == PYRO_TREE_DONE && record.done == 0, "whole");
    ok(tree_next(&run, &record) && record.type == PYRO_TREE_END, "end");
    tree_run_finish(&run);
    is_int(TREE_RUN(&run, NULL, "send", root, "s"), 0, "a symlink is sent");
    ok(tree_next(&run, &record) && record.entry.kind == PYRO_TREE_SYMLINK, "and not followed");
    tree_run_finish(&run);
    is_int(TREE_RUN(&run, NULL, "send", root, "d/x/y"), 1, "what is not there is not sent");
    is_text(run.error, "there is no d/x/y\n", "which is said");
    tree_run_finish(&run);
    symlink("/etc", at("out"));
    is_int(TREE_RUN(&run, NULL, "send", root, "out/passwd"), 1, "nothing outside is sent");
    is_int(run.out.size, 0, "not even told");
    tree_run_finish(&run);
    is_int(TREE_RUN(&run, NULL, "send", root, "../x"), 1, "an unsafe path");
    tree_run_finish(&run);
}

static void test_fetch(void)
{
    static const struct {
        const char *path;
        uint64_t size;
        enum pyro_tree_kind kind;
        int data, done; /* -1: there is none */
    } asked[] = {
        {"d/odd\n\xff", 7, PYRO_TREE_FILE, 7, 0},     {"d/e/hard", 6, PYRO_TREE_FILE, -1, EFBIG},
        {"empty", 0, PYRO_TREE_FILE, -1, 0},          {"d", 9, PYRO_TREE_DIRECTORY, -1, -1},
        {"d/up/empty", 9, PYRO_TREE_MISSING, -1, -1}, {"empty/x", 9, PYRO_TREE_MISSING, -1, -1},
        {"no/x", 9, PYRO_TREE_MISSING, -1, -1},       {"d/no", 9, PYRO_TREE_MISSING, -1, -1},
        {"s", 9, PYRO_TREE_SYMLINK, -1, -1},          {"pipe", 9, PYRO_TREE_OTHER, -1, -1},
        {"", 9, PYRO_TREE_DIRECTORY, -1, -1},
    };
    struct pyro_buffer questions;
    struct pyro_tree_record record;
    struct tree_run run;
    make_tree();
    pyro_buffer_init(&questions, TREE_CAP);
    for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
        pyro_tree_entry_pack(&questions, &(struct pyro_tree_entry){.kind = PYRO_TREE_FILE,
                                                                   .path = asked[i].path,
                                                                   .size = asked[i].size,
                                                                   .target = ""});
    is_int(TREE_RUN(&run, &questions, "fetch", root), 1, "questions without an end");
    tree_run_finish(&run);
    pyro_tree_end_pack(&questions);
    is_int(TREE_RUN(&run, &questions, "fetch", root), 0, "answered");
    for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
        bool good = tree_next(&run, &record) && record.type == PYRO_TREE_ENTRY &&
                    record.entry.kind == asked[i].kind &&
                    strcmp(record.entry.path, asked[i].path) == 0;
        if (good && asked[i].data >= 0)
            good = tree_next(&run, &record) && record.type == PYRO_TREE_DATA &&
                   (int)record.data.size == asked[i].data;
        if (good && asked[i].done >= 0)
            good = tree_next(&run, &record) && record.type == PYRO_TREE_DONE &&
                   (int)record.done == asked[i].done;
        ok(good, "answer %zu", i);
    }
    ok(tree_next(&run, &record) && record.type == PYRO_TREE_END && run.out.size == 0, "end");
    tree_run_finish(&run);
    pyro_buffer_finish(&questions);
}

static void test_words(void)
{
    struct tree_run run;
    is_int(TREE_RUN(&run, NULL, "list"), 1, "too few words");
    is_text(run.error, "the agent has no command list with 0 words\n", "which is said");
    tree_run_finish(&run);
    is_int(TREE_RUN(&run, NULL, "remove", "/"), 1, "an unknown command");
    tree_run_finish(&run);
}

static void test_all(void)
{
    test_list();
    test_deep();
    test_many();
    test_send_and_receive();
    test_send_one();
    test_fetch();
}

int main(void)
{
    snprintf(root, sizeof(root), "/var/tmp/pyro-send-%d", (int)getpid());
    umask(022);
    test_words();
    test_all();
    tree_without_openat2 = true;
    test_all();
    pyro_tree_remove_at(AT_FDCWD, root);
    return tap_done();
}
