/* "receive": what comes in is there exactly, what cannot come in leaves nothing, and where others
 * look, they never see a half. Every test also with a kernel or file system that can do less. */
#include <dirent.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "guest/tree_content.h"
#include "guest_tree.h"
#include "tap.h"

static char base[64];
static struct pyro_buffer stream;
static const char ended_early[] = "the stream of records ended too early\n";

static const char *at(const char *name)
{
    static char paths[4][PYRO_TREE_PATH_MAX + 100];
    static unsigned next;
    char *path = paths[next++ % ARRAY_SIZE(paths)];
    snprintf(path, sizeof(paths[0]), "%s/ws/%s", base, name);
    return path;
}

static void fresh(void)
{
    pyro_tree_remove_at(AT_FDCWD, base);
    mkdir(base, 0700);
    pyro_buffer_consume(&stream, stream.size);
}

static void add(enum pyro_tree_kind kind, const char *path, uint32_t mode, const char *target)
{
    struct pyro_tree_entry entry = {
        .kind = kind, .path = path, .mode = mode, .target = target, .mtime_ns = 1000000007};
    if (pyro_tree_entry_pack(&stream, &entry) < 0)
        abort();
}

static void add_file(const char *path, uint32_t mode, const char *content)
{
    struct pyro_tree_entry entry = {.kind = PYRO_TREE_FILE,
                                    .path = path,
                                    .mode = mode,
                                    .size = strlen(content),
                                    .mtime_ns = -1500000000, /* before the epoch */
                                    .target = ""};
    if (pyro_tree_entry_pack(&stream, &entry) < 0 ||
        (entry.size > 0 && pyro_tree_data_pack(&stream, 0, content, entry.size) < 0) ||
        pyro_tree_done_pack(&stream, 0) < 0)
        abort();
}

static void add_times(const char *path, uint32_t mode, int64_t mtime_ns)
{
    struct pyro_tree_times times = {.path = path, .mode = mode, .mtime_ns = mtime_ns};
    if (pyro_tree_times_pack(&stream, &times) < 0)
        abort();
}

static int receive(struct tree_run *run, const char *destination, const char *mode)
{
    char root[80];
    snprintf(root, sizeof(root), "%s/ws", base);
    return TREE_RUN(run, &stream, "receive", root, destination, mode);
}

static int receive_quietly(const char *destination, const char *mode)
{
    struct tree_run run;
    int status = receive(&run, destination, mode);
    tree_run_finish(&run);
    return status;
}

/* The last RESULT's errno, when all before it are good; -1 when there is none. */
static int last_error(struct tree_run *run)
{
    struct pyro_tree_record record;
    int error = -1;
    while (error <= 0 && tree_next(run, &record))
        error = record.type == PYRO_TREE_RESULT ? (int)record.result.error : error;
    return pyro_buffer_data(&run->out) && run->out.size > 0 ? -2 : error;
}

static int receive_and_fail(const char *mode)
{
    struct tree_run run;
    pyro_tree_end_pack(&stream);
    int status = receive(&run, "", mode);
    int error = status == 1 ? last_error(&run) : -3;
    char *newline = strchr(run.error, '\n');
    bool one_line = newline && !newline[1];
    ok(one_line, "one line tells: %.*s", (int)strcspn(run.error, "\n"), run.error);
    tree_run_finish(&run);
    return error;
}

static bool holds(const char *name, const char *content)
{
    cleanup_free char *text = NULL;
    return pyro_file_read_at(AT_FDCWD, at(name), TREE_CAP, &text, NULL) == 0 &&
           strcmp(text, content) == 0;
}

static void put(const char *name, const char *content)
{
    pyro_file_replace_at(AT_FDCWD, at(name), content, strlen(content), 0600, 0);
}

/* How many names there are in a directory, hidden ones too. */
static int count_names(const char *name)
{
    int count = -2; /* "." and ".." */
    DIR *directory = opendir(at(name));
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static void test_exact(const char *mode)
{
    struct stat status, link;
    struct tree_run run;
    struct pyro_tree_record record;
    char target[16] = "";
    fresh();
    add(PYRO_TREE_DIRECTORY, "d", 0500, "");
    add_file("d/odd\n\xff\xfe", 01606, "content");
    add_file("empty", 0, "");
    add(PYRO_TREE_SYMLINK, "d/s", 0777, "../nowhere");
    add(PYRO_TREE_LINK, "hard", 0606, "d/odd\n\xff\xfe");
    add(PYRO_TREE_DIRECTORY, "void", 0, "");
    add_times("d", 0555, 7000000009);
    add_times("void", 01777, 5);
    add_times("", 0751, 6);
    pyro_tree_end_pack(&stream);
    umask(077);
    is_int(receive(&run, "", mode), 0, "received");
    umask(022);
    ok(holds("d/odd\n\xff\xfe", "content"), "a file is there");
    stat(at("d/odd\n\xff\xfe"), &status);
    is_int(status.st_mode, S_IFREG | 01606, "its mode");
    ok(status.st_mtim.tv_sec == -2 && status.st_mtim.tv_nsec == 500000000, "its time");
    is_int(status.st_nlink, 2, "its names");
    stat(at("hard"), &link);
    is_int(link.st_ino, status.st_ino, "the other one");
    tree_next(&run, &record);
    tree_next(&run, &record);
    ok(record.type == PYRO_TREE_RESULT && record.result.inode == status.st_ino, "told its inode");
    stat(at("empty"), &status);
    ok(status.st_mode == S_IFREG && status.st_size == 0, "an empty file without permissions");
    tree_next(&run, &record);
    is_int(record.result.ctime_ns, status.st_ctim.tv_sec * 1000000000ll + status.st_ctim.tv_nsec,
           "told its ctime");
    lstat(at("d/s"), &status);
    ok(readlink(at("d/s"), target, sizeof(target) - 1) > 0 && !strcmp(target, "../nowhere") &&
           status.st_mtim.tv_sec == 1 && status.st_mtim.tv_nsec == 7,
       "a symlink and its time");
    stat(at("d"), &status);
    ok(status.st_mode == (S_IFDIR | 0555) && status.st_mtim.tv_sec == 7 &&
           status.st_mtim.tv_nsec == 9,
       "a directory's mode and time, in spite of what was made in it");
    stat(at("void"), &status);
    is_int(status.st_mode, S_IFDIR | 01777, "an empty directory");
    stat(at(""), &status);
    ok(status.st_mode == (S_IFDIR | 0751) && status.st_mtim.tv_nsec == 6, "the root");
    is_int(count_names("d") + count_names(""), 2 + 4, "and nothing else");
    chmod(at("d"), 0755); /* so that it can be removed without being root */
    tree_run_finish(&run);
}

/* Three runs with holes around them, in one small and one large file. */
static void test_sparse(const char *mode, uint64_t size)
{
    static const char data[PYRO_TREE_DATA_MAX] = {1, 2, 3};
    struct pyro_tree_entry entry = {
        .kind = PYRO_TREE_FILE, .path = "f", .mode = 0600, .size = size, .target = ""};
    uint64_t offsets[] = {4097, size / 2, size / 2 + sizeof(data)};
    struct stat status;
    fresh();
    pyro_tree_entry_pack(&stream, &entry);
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
        pyro_tree_data_pack(&stream, offsets[i], data, sizeof(data));
    pyro_tree_done_pack(&stream, 0);
    pyro_tree_end_pack(&stream);
    is_int(receive_quietly("", mode), 0, "a sparse file is received");
    stat(at("f"), &status);
    is_int(status.st_size, size, "its size");
    ok((uint64_t)status.st_blocks * 512 < size, "has holes");
    cleanup_close int fd = open(at("f"), O_RDONLY);
    uint64_t wrong = 0;
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        char back[sizeof(data)];
        wrong += pread(fd, back, sizeof(back), (off_t)offsets[i]) != sizeof(back) ||
                 memcmp(back, data, sizeof(data)) != 0;
    }
    is_int(wrong, 0, "its data");
}

/* As much as it takes to go past the page cache, in pieces that fit nothing. */
static void test_large(const char *mode)
{
    enum { SIZE = PYRO_TREE_DATA_MAX * 80, PIECE = 51111 };
    struct pyro_tree_entry entry = {
        .kind = PYRO_TREE_FILE, .path = "f", .mode = 0600, .size = SIZE, .target = ""};
    cleanup_free uint8_t *bytes = malloc(SIZE + 1);
    cleanup_free char *back = NULL;
    size_t size = 0;
    for (size_t i = 0; bytes && i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    fresh();
    pyro_tree_entry_pack(&stream, &entry);
    for (size_t offset = 0; offset < SIZE; offset += PIECE)
        pyro_tree_data_pack(&stream, offset, bytes + offset, MIN(PIECE, SIZE - offset));
    pyro_tree_done_pack(&stream, 0);
    pyro_tree_end_pack(&stream);
    is_int(receive_quietly("", mode), 0, "a large file is received");
    ok(pyro_file_read_at(AT_FDCWD, at("f"), SIZE, &back, &size) == 0 && size == SIZE &&
           memcmp(back, bytes, SIZE) == 0,
       "as it was");
}

static void test_deep(void)
{
    char path[PYRO_TREE_PATH_MAX + 1] = "d";
    fresh();
    add(PYRO_TREE_DIRECTORY, path, 0755, "");
    for (size_t length = 1; length + 2 <= 3600; length += 2) {
        strcpy(path + length, "/d");
        add(PYRO_TREE_DIRECTORY, path, 0755, "");
    }
    pyro_tree_end_pack(&stream);
    is_int(receive_quietly("", "new"), 0, "directories in each other");
    ok(access(at(path), F_OK) == 0, "are there");
}

static void test_destination(void)
{
    struct tree_run run;
    fresh();
    add_file("f", 0644, "x");
    pyro_tree_end_pack(&stream);
    is_int(receive_quietly("a/b/c", "new"), 0, "a destination is made");
    ok(holds("a/b/c/f", "x"), "with what came");
    is_int(receive_quietly("a/b/c", "new"), 1, "new is not merge");
    symlink("b", at("a/inside"));
    if (!tree_without_openat2) {
        is_int(receive_quietly("a/inside/d", "new"), 0, "a symlink may lead to it, inside");
        ok(holds("a/b/d/f", "x"), "and does");
    }
    symlink("../..", at("a/outside"));
    is_int(receive(&run, "a/outside", "merge"), 1, "not outside");
    is_int(run.out.size, 0, "nothing is told");
    tree_run_finish(&run);
    is_int(receive_quietly("a/b/c/f", "merge"), 1, "a file is no destination");
    is_int(receive_quietly("../x", "new"), 1, "an unsafe one is refused");
    is_int(receive_quietly("", "other"), 1, "an unknown mode");
}

static void test_merge(void)
{
    fresh();
    mkdir(at(""), 0755);
    mkdir(at("d"), 0700);
    put("d/old", "old");
    put("d/file", "old");
    put("elsewhere", "old");
    symlink("../elsewhere", at("d/link"));
    put("d/becomes-link", "old");
    put("d/hard", "old");
    link(at("d/file"), at("other-name"));
    add(PYRO_TREE_DIRECTORY, "d", 0755, "");
    add_file("d/file", 0644, "new");
    add_file("d/link", 0644, "new");
    add(PYRO_TREE_SYMLINK, "d/becomes-link", 0777, "file");
    add(PYRO_TREE_LINK, "d/hard", 0644, "d/file");
    add_times("d", 0750, 11);
    pyro_tree_end_pack(&stream);
    is_int(receive_quietly("", "merge"), 0, "merged");
    is_int(receive_quietly("", "merge"), 0, "twice");
    ok(holds("d/old", "old"), "what did not come stays");
    ok(holds("d/file", "new") && holds("other-name", "old"), "a file is replaced, not overwritten");
    ok(holds("d/link", "new") && holds("elsewhere", "old"), "a symlink too");
    ok(holds("d/becomes-link", "new") && holds("d/hard", "new"), "by symlinks and links too");
    struct stat status;
    stat(at("d"), &status);
    ok(status.st_mode == (S_IFDIR | 0750) && status.st_mtim.tv_nsec == 11, "a directory's mode");
    is_int(count_names("d"), 5, "nothing else is left");
}

static void in_the_way(const char *mode)
{
    fresh();
    mkdir(at(""), 0755);
    mkdir(at("directory"), 0755);
    put("file", "old");
    symlink("directory", at("symlink"));
    add_file("first", 0644, "in");
    if (strcmp(mode, "merge") == 0) {
        add_file("directory", 0644, "x");
        is_int(receive_and_fail(mode), EISDIR, "a directory in the place of a file");
        pyro_buffer_consume(&stream, stream.size);
        add(PYRO_TREE_SYMLINK, "directory", 0777, "x");
        is_int(receive_and_fail(mode), EISDIR, "of a symlink");
        pyro_buffer_consume(&stream, stream.size);
    } else {
        add_file("file", 0644, "x");
        is_int(receive_and_fail(mode), EEXIST, "a new file is new");
        ok(holds("file", "old"), "the old one stays");
        pyro_buffer_consume(&stream, stream.size);
    }
    add(PYRO_TREE_DIRECTORY, "file", 0755, "");
    is_int(receive_and_fail(mode), ENOTDIR, "a file in the place of a directory");
    pyro_buffer_consume(&stream, stream.size);
    add(PYRO_TREE_DIRECTORY, "symlink", 0755, "");
    is_int(receive_and_fail(mode), ENOTDIR, "a symlink in the place of a directory");
    pyro_buffer_consume(&stream, stream.size);
    add_file("symlink/f", 0644, "x");
    is_int(receive_and_fail(mode), tree_without_openat2 ? ENOTDIR : ELOOP, "a symlink on the way");
    pyro_buffer_consume(&stream, stream.size);
    add(PYRO_TREE_LINK, "hard", 0644, "symlink/f");
    is_int(receive_and_fail(mode), tree_without_openat2 ? ENOTDIR : ELOOP, "on a link's way");
    pyro_buffer_consume(&stream, stream.size);
    add(PYRO_TREE_LINK, "hard", 0644, "nothing");
    is_int(receive_and_fail(mode), ENOENT, "a link to nothing");
    ok(holds("first", "in"), "what came before is in");
    is_int(count_names("directory"), 0, "nothing came through the symlink");
    is_int(count_names(""), 4, "nothing is left");
}

/* DATA that cannot be, records out of turn, kinds that cannot come in. */
static void test_malformed(const char *mode)
{
    static const struct {
        uint64_t offset, size;
    } runs[][2] = {{{0, 10}, {9, 5}}, {{0, 10}, {95, 6}}, {{101, 1}, {0, 0}}};
    struct pyro_tree_entry entry = {
        .kind = PYRO_TREE_FILE, .path = "f", .mode = 0600, .size = 100, .target = ""};
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        fresh();
        pyro_tree_entry_pack(&stream, &entry);
        for (size_t j = 0; j < 2 && runs[i][j].size > 0; j++)
            pyro_tree_data_pack(&stream, runs[i][j].offset, "0123456789", runs[i][j].size);
        pyro_tree_done_pack(&stream, 0);
        is_int(receive_and_fail(mode), -1, "a run where none may be");
        is_int(count_names(""), 0, "nothing of its file remains");
    }
    fresh();
    pyro_tree_entry_pack(&stream, &entry);
    is_int(receive_and_fail(mode), -1, "an end within a file");
    is_int(count_names(""), 0, "nothing of it remains");
    fresh();
    pyro_tree_entry_pack(&stream, &entry);
    pyro_tree_done_pack(&stream, ESTALE);
    is_int(receive_and_fail(mode), ESTALE, "a file that the sender could not read");
    is_int(count_names(""), 0, "is not there");
    fresh();
    pyro_tree_done_pack(&stream, 0);
    is_int(receive_and_fail(mode), -1, "the end of no file");
    fresh();
    add(PYRO_TREE_OTHER, "device", 0644, "");
    is_int(receive_and_fail(mode), -1, "a device");
    fresh();
    pyro_buffer_append(&stream, "\1\0\0\0\77", 5);
    is_int(receive_and_fail(mode), -1, "no record at all");
}

/* The stream cut at every byte: each file is as it was, or as it came. */
static void test_cut(const char *mode)
{
    bool merge = strcmp(mode, "merge") == 0;
    size_t bad = 0, whole;
    fresh();
    add_file("a", 0644, "the new a");
    add_file("b", 0644, "the new b");
    add(PYRO_TREE_SYMLINK, "s", 0777, "b");
    pyro_tree_end_pack(&stream);
    whole = stream.size;
    for (stream.size = 0; stream.size < whole; stream.size++) {
        pyro_tree_remove_at(AT_FDCWD, at(""));
        mkdir(at(""), 0755);
        if (merge) {
            put("a", "old");
            put("b", "old");
        }
        bad += receive_quietly("", mode) != 1;
        bool a_is_old = merge ? holds("a", "old") : access(at("a"), F_OK) < 0;
        bool b_is_old = merge ? holds("b", "old") : access(at("b"), F_OK) < 0;
        bad += !a_is_old && !holds("a", "the new a");
        bad += !b_is_old && !holds("b", "the new b");
        bad += count_names("") > 3;
    }
    is_int(bad, 0, "cut anywhere, no half is left");
}

/* A large file's data is read to where it is wanted as it comes: cut there too, and with something
 * behind it that cannot be. */
static void test_cut_large(const char *mode)
{
    static const uint8_t data[PYRO_TREE_DATA_MAX];
    struct pyro_tree_entry entry = {
        .kind = PYRO_TREE_FILE, .path = "f", .mode = 0600, .size = PYRO_TREE_LARGE, .target = ""};
    struct tree_run run;
    size_t bad = 0;
    fresh();
    pyro_tree_entry_pack(&stream, &entry);
    for (uint64_t offset = 0; offset < entry.size; offset += sizeof(data))
        pyro_tree_data_pack(&stream, offset, data, sizeof(data));
    size_t whole = stream.size;
    for (stream.size = 1; stream.size < whole; stream.size += 99991) {
        bad += receive(&run, "", mode) != 1 || strcmp(run.error, ended_early) != 0;
        bad += count_names("") != 0;
        tree_run_finish(&run);
    }
    is_int(bad, 0, "a large file cut anywhere leaves nothing");
    stream.size = whole;
    pyro_tree_data_pack(&stream, entry.size, data, 1);
    is_int(receive_and_fail(mode), -1, "data behind a large file's end");
    stream.size = whole;
    pyro_buffer_append(&stream, "\xff\xff\0\0\2XXXXXXXX", 13);
    is_int(receive_and_fail(mode), -1, "data of more than fits into a record");
    is_int(count_names(""), 0, "nothing is left");
}

/* That it has read all is not enough: what it has read takes its time. */
static bool waits_for_more(pid_t pid, int in)
{
    char path[32], *text;
    int unread = 1;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 100000; i++) {
        bool sleeps = false;
        if (pyro_file_read_at(AT_FDCWD, path, 4096, &text, NULL) == 0) {
            const char *behind_name = strrchr(text, ')');
            sleeps = behind_name && strncmp(behind_name, ") S", 3) == 0;
            free(text);
        }
        if (sleeps && ioctl(in, FIONREAD, &unread) == 0 && unread == 0)
            return true;
        usleep(100);
    }
    return false;
}

/* Killed in the middle of a file, which has a temporary name only where there is no other way. */
static void test_killed(void)
{
    struct pyro_tree_entry entry = {
        .kind = PYRO_TREE_FILE, .path = "f", .mode = 0600, .size = 100, .target = ""};
    char root[80], result[25];
    int in[2], out[2];
    fresh();
    mkdir(at(""), 0755);
    put("f", "old");
    snprintf(root, sizeof(root), "%s/ws", base);
    for (int i = 0; i < 8000; i++) /* enough that RESULTs are told before the file is begun */
        add_file("small", 0600, "");
    pyro_tree_entry_pack(&stream, &entry);
    pyro_tree_data_pack(&stream, 0, "half", 4);
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        abort();
    fcntl(out[1], F_SETPIPE_SZ, 1024 * 1024);
    cleanup_close int error = tree_memory("", 0);
    pid_t pid =
        tree_start((const char *const[]){"receive", root, "", "merge", NULL}, in[0], out[1], error);
    pyro_fd_write_all(in[1], pyro_buffer_data(&stream), stream.size);
    ok(read(out[0], result, sizeof(result)) > 0, "it is at work");
    ok(waits_for_more(pid, in[0]), "it has done what it was told, and waits");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ok(holds("f", "old"), "killed within a file: the old one is there");
    is_int(count_names(""), 2, "and nothing else");
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

static void test_all(void)
{
    static const char *const modes[] = {"new", "merge"};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        test_exact(modes[i]);
        test_sparse(modes[i], 1024 * 1024);
        test_sparse(modes[i], 64 * 1024 * 1024);
        test_large(modes[i]);
        in_the_way(modes[i]);
        test_malformed(modes[i]);
        test_cut(modes[i]);
        test_cut_large(modes[i]);
    }
    test_deep();
    test_destination();
    test_merge();
    if (!tree_without_tmpfile)
        test_killed();
}

int main(void)
{
    snprintf(base, sizeof(base), "/var/tmp/pyro-tree-%d", (int)getpid());
    pyro_buffer_init(&stream, TREE_CAP);
    test_all();
    tree_without_openat2 = tree_without_tmpfile = true;
    test_all();
    pyro_tree_remove_at(AT_FDCWD, base);
    pyro_buffer_finish(&stream);
    return tap_done();
}
