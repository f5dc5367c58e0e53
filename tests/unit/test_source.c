/* What can be pushed: directories as they are and as they change. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "source_story.h"

static void test_paths(void)
{
    clear();
    put_text("t/file", "x");
    put_text("t/empty.tar", "");
    symlink("t", "link");
    is_refused("", "empty", "the empty path");
    is_refused("nothing", "there is nothing at 'nothing'", "what is not there");
    is_refused("t/file", "not named as an archive", "a file");
    is_refused("t/file/", "Not a directory", "a file with a slash");
    is_refused("/dev/null", "neither", "a device");
    is_refused("t/empty.tar", "empty", "an empty file");
    ok(*error.hint == '\0' || error.hint[0], "a hint or none");
    unlink("t/empty.tar");
    is_read("t", "F 644 file\n  0+1\n", "a relative path");
    is_read("t/", "F 644 file\n  0+1\n", "with a slash");
    is_read("link", "F 644 file\n  0+1\n", "a symlink to a directory");
    mkdir("t/d.tar", 0755);
    struct pyro_tree_source *source = begin("t/d.tar");
    is_text(source ? pyro_tree_source_mode(source) : NULL, "directory", "whatever its name is");
    pyro_tree_source_close(source);
    pyro_tree_source_close(NULL);
    unlink("link");
}

static void test_kinds(void)
{
    clear();
    mkdir("t/b", 0755);
    mkdir("t/b/empty", 0700);
    put_text("t/b/x", "12345");
    put_text("t/b/\xff\n \x01", "");
    link("t/b/x", "t/a");
    link("t/b/x", "t/c");
    symlink("/dangling/../x", "t/s");
    chmod("t/b", 02755);
    chmod("t/a", 0600);
    is_read("t",
            "F 600 a\n  0+5\n"
            "D 755 b\nD 700 b/empty\nL 600 b/x > a\nF 644 b/\xff\n \x01\n"
            "L 600 c > a\nS 777 s > /dangling/../x\n"
            "T 700 b/empty\nT 755 b\n",
            "each kind, sorted; directories last");
}

static void test_times(void)
{
    static const int64_t wanted[] = {-1500000000, 1234567890123456789};
    clear();
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        struct timespec time = {.tv_sec = (time_t)(wanted[i] / 1000000000),
                                .tv_nsec = wanted[i] % 1000000000};
        if (time.tv_nsec < 0) {
            time.tv_nsec += 1000000000;
            time.tv_sec--;
        }
        put_text("t/x", "");
        utimensat(AT_FDCWD, "t/x", (struct timespec[]){time, time}, 0);
        struct pyro_tree_source *source = begin("t");
        struct pyro_tree_record record = {0};
        pyro_tree_source_next(source, &record, &error);
        is_int(record.entry.mtime_ns, wanted[i], "nanoseconds");
        pyro_tree_source_close(source);
    }
}

static void test_sparse(void)
{
    clear();
    int fd = open("t/x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    pwrite(fd, "begin", 5, 0);
    pwrite(fd, "end", 3, (off_t)4 << 30);
    ftruncate(fd, (off_t)5 << 30);
    close(fd);
    read_all("t");
    size_t lines = 0;
    for (const char *at = story; *at; at++)
        lines += *at == '\n';
    ok(strncmp(story, "F 644 x\n  0+", 12) == 0 && strstr(story, "  4294967296+"),
       "data where it is");
    ok(lines < 20, "holes are not sent");
}

static void test_special(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "t/d/x"};
    clear();
    mkdir("t/d", 0755);
    mkfifo("t/d/x", 0644);
    is_refused("t", "'d/x': a pipe", "a pipe");
    unlink("t/d/x");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(fd, (struct sockaddr *)&name, sizeof(name));
    close(fd);
    is_refused("t", "'d/x': a socket", "a socket");
    unlink("t/d/x");
    put_text("t/d/x", "");
    chmod("t/d/x", 04755);
    is_refused("t", "'d/x': a file with a set-user-ID", "a set-id file");
    unlink("t/d/x");
    put_text("t/d/x", "");
    chmod("t/d/x", 0);
    bool is_root = geteuid() == 0;
    if (is_root && seteuid(65534) < 0)
        ok(0, "seteuid");
    is_refused("t", "'d/x': cannot be read: Permission denied", "an unreadable file");
    if (is_root && seteuid(0) < 0)
        ok(0, "seteuid");
    chmod("t/d/x", 0644);
    chmod("t/d", 0);
    if (is_root && seteuid(65534) < 0)
        ok(0, "seteuid");
    is_refused("t", "'d': cannot be read: Permission denied", "an unreadable directory");
    if (is_root && seteuid(0) < 0)
        ok(0, "seteuid");
    chmod("t/d", 0755);
}

/* Goes down as far as paths reach, and up again. */
static void test_deep(void)
{
    char name[256];
    struct rlimit before, few;
    memset(name, 'd', 255);
    name[255] = '\0';
    clear();
    int directory = open("t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 2048; i++) { /* one component of one letter each: 4095 bytes */
        mkdirat(directory, "d", 0755);
        int next = openat(directory, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(directory);
        directory = next;
    }
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){.rlim_cur = (rlim_t)directory + 6, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    is_int(read_all("t"), 0, "the longest path, with few descriptors");
    setrlimit(RLIMIT_NOFILE, &before);
    mkdirat(directory, "d", 0755);
    is_refused("t", "longer than 4095 bytes", "one that is longer");
    unlinkat(directory, "d", AT_REMOVEDIR);
    put_text("t/after", "x");
    close(directory);
    is_int(read_all("t"), 0, "what comes before such a path");
    clear();
}

/* What happens to the tree when the first record has been handed out. */
static void append(void)
{
    int fd = open("t/a", O_WRONLY | O_APPEND | O_CLOEXEC);
    pyro_fd_write_all(fd, "more", 4);
    close(fd);
}

static void shorten(void)
{
    truncate("t/a", 1);
}

static void rewrite(void)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    utimensat(AT_FDCWD, "t/a", times, 0);
}

static void vanish(void)
{
    unlink("t/b/x");
    rmdir("t/b");
}

static void become_pipe(void)
{
    unlink("t/c");
    mkfifo("t/c", 0644);
}

static void become_symlink(void)
{
    unlink("t/b/x");
    rmdir("t/b");
    symlink("/etc", "t/b");
}

static void test_changes(void)
{
    static const struct {
        const char *name;
        void (*change)(void);
        const char *entry;
        bool is_pipe;
    } changes[] = {
        {"appended to", append, "'a'", false},          {"cut", shorten, "'a'", false},
        {"of another time", rewrite, "'a'", false},     {"gone", vanish, "'b'", false},
        {"a symlink now", become_symlink, NULL, false}, {"a pipe now", become_pipe, "'c'", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        clear();
        put_text("t/a", "12345");
        mkdir("t/b", 0755);
        put_text("t/b/x", "");
        put_text("t/c", "");
        struct pyro_tree_source *source = begin("t");
        struct pyro_tree_record record;
        pyro_tree_source_next(source, &record, &error);
        changes[i].change();
        int r = go_on(source);
        pyro_tree_source_close(source);
        if (!changes[i].entry) { /* it is what it is when we come to it: carried, not followed */
            ok(r == 0 && strstr(story, "S 777 b > /etc\n"), "%s", changes[i].name);
            continue;
        }
        ok(r < 0 && strstr(error.message, changes[i].entry), "%s: refused", changes[i].name);
        is_int(error.code,
               changes[i].is_pipe ? PYRO_ERROR_INVALID_PARAMETER : PYRO_ERROR_SOURCE_CHANGED,
               "the code says so");
        ok(*error.hint, "and what to do");
    }
}

/* A directory is moved away while the walk is in it: ".." leads elsewhere. */
static void test_moved(void)
{
    clear();
    mkdir("t/a", 0755);
    mkdir("t/a/b", 0755);
    put_text("t/a/b/x", "");
    put_text("t/a/z", "");
    mkdir("elsewhere", 0755);
    struct pyro_tree_source *source = begin("t");
    struct pyro_tree_record record;
    for (int i = 0; i < 3; i++)
        pyro_tree_source_next(source, &record, &error);
    is_text(record.entry.path, "a/b/x", "in the middle");
    rename("t/a/b", "elsewhere/b");
    is_int(go_on(source), -1, "the way back is another");
    is_int(error.code, PYRO_ERROR_SOURCE_CHANGED, "noticed");
    pyro_tree_source_close(source);
    pyro_tree_remove_at(AT_FDCWD, "elsewhere");
}

int main(void)
{
    if (!story_init())
        return 1;
    test_paths();
    test_kinds();
    test_times();
    test_sparse();
    test_special();
    test_deep();
    test_changes();
    test_moved();
    return story_finish();
}
