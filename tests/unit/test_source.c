/* What can be pushed: directories as they are and as they change, archives good and bad. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/text.h"
#include "tap.h"
#include "workspace/source.h"

static const struct pyro_home home = {.libexec = (char *)PYRO_TEST_LIBEXEC};
static char *place; /* where we are, too; a directory of ours */

/* ---- reading a source ---- */

static struct pyro_error error;
static char story[1 << 20]; /* what the source handed out, a line for each record */

static void tell(const struct pyro_tree_record *record)
{
    static const char kinds[] = "?FDSL";
    size_t used = strlen(story), left = sizeof(story) - used;
    const struct pyro_tree_entry *entry = &record->entry;
    if (record->type == PYRO_TREE_ENTRY)
        snprintf(story + used, left, "%c %o %s%s%s\n", kinds[entry->kind], entry->mode, entry->path,
                 *entry->target ? " > " : "", entry->target);
    else if (record->type == PYRO_TREE_DATA)
        snprintf(story + used, left, "  %zu+%u\n", (size_t)record->data.offset, record->data.size);
    else if (record->type == PYRO_TREE_TIMES)
        snprintf(story + used, left, "T %o %s\n", record->times.mode, record->times.path);
}

/* False when the other end would not take it. */
static bool is_packable(const struct pyro_tree_record *record)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, PYRO_TREE_RECORD_MAX);
    int r = -EINVAL;
    if (record->type == PYRO_TREE_ENTRY)
        r = pyro_tree_entry_pack(&out, &record->entry);
    else if (record->type == PYRO_TREE_DATA)
        r = pyro_tree_data_pack(&out, record->data.offset, record->data.bytes, record->data.size);
    else if (record->type == PYRO_TREE_DONE)
        r = record->done ? -EINVAL : 0;
    else if (record->type == PYRO_TREE_TIMES)
        r = pyro_tree_times_pack(&out, &record->times);
    pyro_buffer_finish(&out);
    return r == 0;
}

static int go_on(struct pyro_tree_source *source)
{
    struct pyro_tree_record record;
    int r;
    while ((r = pyro_tree_source_next(source, &record, &error)) > 0) {
        if (!is_packable(&record))
            ok(0, "%s: a record that cannot be packed", record.entry.path);
        tell(&record);
    }
    return r;
}

static struct pyro_tree_source *begin(const char *path)
{
    struct pyro_tree_source *source = NULL;
    error = (struct pyro_error)PYRO_ERROR_INIT;
    *story = '\0';
    pyro_tree_source_open(&home, path, "seed_path", &source, &error);
    return source;
}

static int read_all(const char *path)
{
    struct pyro_tree_source *source = begin(path);
    int r = source ? go_on(source) : -1;
    pyro_tree_source_close(source);
    return r;
}

static void is_read(const char *path, const char *wanted, const char *name)
{
    int r = read_all(path);
    if (!is_text(r == 0 ? story : "(failed)", wanted, name))
        printf("# %s\n", error.message);
}

/* Refused, for a reason that contains `words`, with all that an error has to say. */
static void is_refused(const char *path, const char *words, const char *name)
{
    int r = read_all(path);
    bool good = r < 0 && strstr(error.message, words) && *error.message &&
                strcmp(error.field, "seed_path") == 0 && error.code == PYRO_ERROR_INVALID_PARAMETER;
    if (!ok(good, "%s: refused", name))
        printf("# r %d, %s: %s (field %s)\n", r, pyro_error_name(error.code), error.message,
               error.field);
}

/* ---- making files ---- */

static void put(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || pyro_fd_write_all(fd, bytes, size) < 0)
        ok(0, "writes %s", path);
    close(fd);
}

static void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

static void clear(void)
{
    pyro_tree_remove_at(AT_FDCWD, "t");
    if (mkdir("t", 0755) < 0)
        ok(0, "mkdir: %s", strerror(errno));
}

/* ---- directories ---- */

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

/* ---- archives, byte by byte ---- */

static struct pyro_buffer tar;

static void octal(uint8_t *field, size_t width, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)value);
    memcpy(field, text, width);
}

static void header(const char *name, char type, uint32_t mode, uint64_t size, const char *target)
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

static void padded(const void *bytes, size_t size)
{
    static const uint8_t zeros[512];
    pyro_buffer_append(&tar, bytes, size);
    pyro_buffer_append(&tar, zeros, (512 - size % 512) % 512);
}

static void member(const char *name, const char *data)
{
    header(name, '0', 0644, strlen(data), "");
    padded(data, strlen(data));
}

/* A header for the next member: "key=value" each, ended by NULL. */
static void pax(const char *const *records)
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

static void zero_blocks(size_t count)
{
    static const uint8_t zeros[512];
    while (count-- > 0)
        pyro_buffer_append(&tar, zeros, sizeof(zeros));
}

static void start(void)
{
    pyro_buffer_finish(&tar);
    pyro_buffer_init(&tar, 1 << 30);
}

static void write_tar(void)
{
    put("x.tar", pyro_buffer_data(&tar), tar.size);
}

/* Compresses with libarchive, as one member of gzip data. */
static void gzip(const void *bytes, size_t size, struct pyro_buffer *out)
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

static void write_tgz(void)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, 1 << 30);
    gzip(pyro_buffer_data(&tar), tar.size, &out);
    put("x.tgz", pyro_buffer_data(&out), out.size);
    pyro_buffer_finish(&out);
}

/* A bit of everything. */
static void make_good(void)
{
    start();
    header("./", '5', 0755, 0, "");
    member("./one/two/file", "12345");
    header("one/", '5', 0700, 0, "");
    header("link", '2', 0777, 0, "one/two/../two");
    PAX("mtime=1234567890.123456789", "path=bytes\xff\xc3\xa9");
    member("short", "");
    header("hard", '1', 0644, 0, "./one/two/file");
    header("harder", '1', 0644, 0, "hard");
    header("././@LongLink", 'L', 0644, 121, "");
    char name[122];
    memset(name, 'n', 120);
    name[120] = name[121] = '\0';
    padded(name, 121);
    member("short", "long");
    zero_blocks(2);
}

static const char good[] = "D 755 one\nD 755 one/two\nF 644 one/two/file\n  0+5\n"
                           "S 777 link > one/two/../two\nF 644 bytes\xff\xc3\xa9\n"
                           "L 644 hard > one/two/file\nL 644 harder > one/two/file\n"
                           "F 644 nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\n  0+4\n"
                           "T 755 one/two\nT 700 one\n";

static void test_good(void)
{
    make_good();
    write_tar();
    write_tgz();
    is_read("x.tar", good, "an archive");
    is_read("x.tgz", good, "the same, compressed");
    rename("x.tgz", "x.tar.gz");
    is_read("x.tar.gz", good, "by its longer name");
    rename("x.tar.gz", "y.tar");
    is_refused("y.tar", "other than its name", "by a wrong name");
    rename("x.tar", "x.tgz");
    is_refused("x.tgz", "other than its name", "the other way round");
    struct pyro_tree_source *source = begin("x.tgz");
    ok(!source, "not opened");
    zero_blocks(18);
    write_tar();
    is_read("x.tar", good, "padded to a tape's block");
    start();
    zero_blocks(20);
    write_tar();
    is_read("x.tar", "", "an archive of nothing");
    put_text("x.tar", "no archive\n");
    is_refused("x.tar", "it is no tar archive", "what is none");
    pyro_tree_source_close(begin("x.tar"));
}

static void test_pax_times(void)
{
    start();
    PAX("mtime=1234567890.123456789");
    member("x", "");
    zero_blocks(2);
    write_tar();
    struct pyro_tree_source *source = begin("x.tar");
    struct pyro_tree_record record = {0};
    is_text(pyro_tree_source_mode(source), "tar_archive", "mode");
    pyro_tree_source_next(source, &record, &error);
    is_int(record.entry.mtime_ns, 1234567890123456789, "pax times have nanoseconds");
    pyro_tree_source_close(source);
}

static void test_bad_members(void)
{
    static const struct {
        const char *name;
        char type;
        uint32_t mode;
        uint64_t size;
        const char *target, *words;
    } members[] = {
        {"/abs", '0', 0644, 0, "", "'/abs': an absolute name"},
        {"../x", '0', 0644, 0, "", "'../x': a name with \"..\""},
        {"d/../../x", '0', 0644, 0, "", "\"..\""},
        {"", '0', 0644, 0, "", "no name"},
        {".", '0', 0644, 0, "", "root is no directory"},
        {"l", '2', 0777, 0, "/etc/passwd", "'l': a symlink that leads out"},
        {"d/l", '2', 0777, 0, "../../f", "'d/l': a symlink that leads out"},
        {"l", '2', 0777, 0, "d/../..", "leads out"},
        {"l", '2', 0777, 0, "", "empty"},
        {"h", '1', 0644, 0, "/f", "an absolute name"},
        {"h", '1', 0644, 0, "../f", "\"..\""},
        {"h", '1', 0644, 0, "later", "'later', which is no file"},
        {"h", '1', 0644, 0, "h", "'h', which is no file"},
        {"h", '1', 0644, 0, "d", "'d', which is no file"},
        {"h", '1', 0644, 0, "s", "'s', which is no file"},
        {"h", '1', 0644, 0, "s/x", "'s/x', which is no file"},
        {"c", '3', 0644, 0, "", "'c': a device"},
        {"c", '4', 0644, 0, "", "'c': a device"},
        {"c", '6', 0644, 0, "", "'c': a pipe"},
        {"u", '0', 04755, 0, "", "'u': it has a set-user-ID"},
        {"u", '0', 02755, 0, "", "'u': it has a set-user-ID"},
        {"u", '5', 02755, 0, "", "'u': it has a set-user-ID"},
        {"s/x", '0', 0644, 0, "", "'s/x': lies below 's', which is a symlink"},
        {"f/x", '0', 0644, 0, "", "'f/x': lies below 'f', which is a file"},
        {"f", '0', 0644, 0, "", "'f': comes twice"},
        {"./f", '2', 0777, 0, "d", "'f': comes twice"},
        {"f", '5', 0755, 0, "", "'f': comes twice"},
        {"d", '0', 0644, 0, "", "'d': comes twice"},
        {"s", '5', 0755, 0, "", "'s': comes twice"},
        {"big", '0', 0644, (uint64_t)1 << 62, "", "'big': "},
        {"big", '0', 0644, (uint64_t)1 << 63, "", ""},
        {"big", '0', 0644, UINT64_MAX, "", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        start();
        member("f", "12345");
        header("d", '5', 0755, 0, "");
        header("s", '2', 0777, 0, "d");
        header(members[i].name, members[i].type, members[i].mode, members[i].size,
               members[i].target);
        member("later", "");
        zero_blocks(2);
        write_tar();
        char name[128];
        snprintf(name, sizeof(name), "%s, %c, %s", members[i].name, members[i].type,
                 members[i].words);
        is_refused("x.tar", members[i].words, name);
    }
}

static void test_good_members(void)
{
    start();
    header("d", '5', 01777, 0, "");
    header("d", '5', 0700, 0, "");
    member("d/f", "1");
    header("d/s", '2', 0777, 0, "../d/./f");
    header("d/s2", '2', 0777, 0, "..");
    PAX("mtime=0");
    header("d/h", '1', 0644, 7, "d/f"); /* its data is that of the file: not looked at */
    padded("another", 7);
    zero_blocks(2);
    write_tar();
    is_read("x.tar",
            "D 1777 d\nF 644 d/f\n  0+1\nS 777 d/s > ../d/./f\nS 777 d/s2 > ..\n"
            "L 644 d/h > d/f\nT 700 d\n",
            "what only looks odd");
}

static void test_long_names(void)
{
    static const struct {
        size_t components, length;
        bool good;
    } names[] = {{16, 255, true}, {1, 256, false}, {17, 255, false}};
    char text[8192] = "path=";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *at = text + strlen("path=");
        for (size_t c = 0; c < names[i].components; c++) {
            memset(at, 'n', names[i].length);
            at += names[i].length;
            *at++ = '/';
        }
        at[-1] = '\0';
        start();
        PAX(text);
        member("x", "");
        zero_blocks(2);
        write_tar();
        if (names[i].good)
            is_int(read_all("x.tar"), 0, "the longest name");
        else
            is_refused("x.tar", "too long", "a longer name");
    }
}

/* ---- damaged archives ---- */

static void test_cut(void)
{
    size_t size, wrong = 0;
    char *whole;
    make_good();
    write_tar();
    size = tar.size;
    for (size_t cut = 0; cut < size; cut += cut % 512 == 511 || cut % 512 == 0 ? 1 : 85) {
        put("x.tar", pyro_buffer_data(&tar), cut);
        wrong += read_all("x.tar") != -1 || error.code != PYRO_ERROR_INVALID_PARAMETER;
    }
    is_int(wrong, 0, "cut anywhere, a .tar is refused");
    write_tgz();
    pyro_file_read_at(AT_FDCWD, "x.tgz", 1 << 20, &whole, &size);
    for (size_t cut = wrong = 0; cut < size; cut++) {
        put("x.tgz", whole, cut);
        wrong += read_all("x.tgz") != -1 || error.code != PYRO_ERROR_INVALID_PARAMETER;
    }
    is_int(wrong, 0, "cut anywhere, a .tgz is refused");
    for (size_t at = 10; at < size; at++) { /* behind the header, which nothing protects */
        whole[at] ^= 0x10;
        put("x.tgz", whole, size);
        wrong += read_all("x.tgz") == 0 && strcmp(story, good) != 0; /* some bits do not matter */
        whole[at] ^= 0x10;
    }
    is_int(wrong, 0, "changed anywhere, a .tgz is refused or the same");
    free(whole);
}

static void test_tails(void)
{
    make_good();
    pyro_buffer_append(&tar, "garbage", 7);
    write_tar();
    is_refused("x.tar", "something follows", "garbage behind a .tar");
    make_good();
    member("another", "");
    zero_blocks(2);
    write_tar();
    is_refused("x.tar", "something follows", "an archive behind an archive");
    start();
    member("x", "");
    zero_blocks(1);
    member("y", "");
    zero_blocks(2);
    write_tar();
    is_refused("x.tar", "something follows", "a zero block in the middle");
    start();
    member("x", "");
    PAX("mtime=1234567890.123456789");
    zero_blocks(2);
    write_tar();
    ok(read_all("x.tar") < 0, "a header that is of nothing");
}

static void test_gzip_members(void)
{
    static const uint8_t zeros[100];
    struct pyro_buffer out;
    make_good();
    pyro_buffer_init(&out, 1 << 20);
    gzip(pyro_buffer_data(&tar), 1000, &out);
    gzip(pyro_buffer_data(&tar) + 1000, tar.size - 1000, &out);
    put("x.tgz", pyro_buffer_data(&out), out.size);
    is_read("x.tgz", good, "gzip data in two members");
    pyro_buffer_append(&out, zeros, sizeof(zeros));
    put("x.tgz", pyro_buffer_data(&out), out.size);
    is_read("x.tgz", good, "zeros behind it");
    pyro_buffer_append(&out, "x", 1);
    put("x.tgz", pyro_buffer_data(&out), out.size);
    is_refused("x.tgz", "follows its gzip data", "something behind it");
    pyro_buffer_finish(&out);
}

/* ---- bombs ---- */

static void test_bombs(void)
{
    static uint8_t zeros[1 << 20];
    start();
    header("x", '0', 0644, 70 << 20, "");
    for (int i = 0; i < 70; i++)
        pyro_buffer_append(&tar, zeros, sizeof(zeros));
    zero_blocks(2);
    write_tgz();
    is_refused("x.tgz", "more than 200 times", "70 MiB of zeros, compressed");
    start();
    header("x", '0', 0644, 1 << 20, "");
    pyro_buffer_append(&tar, zeros, sizeof(zeros));
    zero_blocks(2);
    write_tgz();
    is_int(read_all("x.tgz"), 0, "1 MiB of them is fine");
    start(); /* a map of holes that would fill the memory */
    PAX("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=x", "GNU.sparse.realsize=100");
    header("x", '0', 0644, 8 << 20, "");
    memset(zeros, '0', sizeof(zeros));
    for (size_t i = 1; i < sizeof(zeros); i += 2)
        zeros[i] = '\n';
    memcpy(zeros, "3000000\n", 8);
    for (int i = 0; i < 8; i++) {
        pyro_buffer_append(&tar, zeros, sizeof(zeros));
        memcpy(zeros, "0\n0\n0\n0\n", 8);
    }
    zero_blocks(2);
    write_tar();
    is_refused("x.tar", "4 MiB of headers", "a file of nothing but a map of its holes");
}

/* GNU's sparse format 1.0, and runs that lie where they cannot. */
static void test_sparse_archives(void)
{
    static const struct {
        const char *map, *words; /* NULL: good */
        const char *story;
    } maps[] = {
        {"2\n0\n2\n4294967296\n2\n", NULL, "F 644 x\n  0+2\n  4294967296+2\n"},
        {"2\n100\n2\n0\n2\n", "", NULL},
        {"2\n0\n2\n1\n2\n", "", NULL},
        {"2\n0\n2\n5000000000\n2\n", "", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        start();
        PAX("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=x",
            "GNU.sparse.realsize=4294967300");
        header("x", '0', 0644, 512 + 4, "");
        padded(maps[i].map, strlen(maps[i].map));
        padded("abcd", 4);
        zero_blocks(2);
        write_tar();
        if (maps[i].story)
            is_read("x.tar", maps[i].story, "a sparse file");
        else
            is_refused("x.tar", maps[i].words, "a map that cannot be");
    }
}

static void test_module(void)
{
    const struct pyro_home nowhere = {.libexec = (char *)"/nowhere"};
    struct pyro_tree_source *source = NULL;
    make_good();
    write_tar();
    is_int(pyro_tree_source_open(&nowhere, "x.tar", "seed_path", &source, &error), -1,
           "without its module no archive is read");
    is_int(error.code, PYRO_ERROR_MISSING_PROGRAM, "the code says so");
    clear();
    is_int(pyro_tree_source_open(&nowhere, "t", "seed_path", &source, &error), 0,
           "directories do not need it");
    pyro_tree_source_close(source);
}

int main(void)
{
    char name[] = "/tmp/pyro-source-XXXXXX";
    umask(022);
    place = mkdtemp(name);
    if (!place || chmod(place, 0755) < 0 || chdir(place) < 0)
        return 1;
    test_paths();
    test_kinds();
    test_times();
    test_sparse();
    test_special();
    test_deep();
    test_changes();
    test_moved();
    test_good();
    test_pax_times();
    test_good_members();
    test_bad_members();
    test_long_names();
    test_cut();
    test_tails();
    test_gzip_members();
    test_bombs();
    test_sparse_archives();
    test_module();
    pyro_buffer_finish(&tar);
    pyro_tree_remove_at(AT_FDCWD, place);
    return tap_done();
}
