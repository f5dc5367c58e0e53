/* Logs: what is written in pieces of any kind is read back in parts of any kind, what is kept stays
 * within its bounds, and what is lost is told; also while it is written, on a full disk, and when
 * the files were tampered with. */
#include "supervisor/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "supervisor/log_segment.h"
#include "tap.h"

enum { KEEP = 32 * 1024, SEGMENT = KEEP / 8 };

static int directory;

static void begin(struct pyro_log_writer *writer, enum pyro_log_unit unit)
{
    if (pyro_log_writer_init(writer, directory, "log", unit, KEEP) < 0)
        exit(1);
}

static struct pyro_log_part read_part(enum pyro_log_unit unit, uint64_t cursor, uint64_t most)
{
    struct pyro_log_part part;
    int r = pyro_log_read(directory, "log", unit, cursor, most, &part);
    if (r < 0)
        printf("# reading from %" PRIu64 ": %s\n", cursor, strerror(-r));
    return part;
}

/* True when the part is this text and says so of itself. */
static bool is_part(const struct pyro_log_part *part, uint64_t start, uint64_t next, uint64_t end,
                    const char *text)
{
    bool same = part->start == start && part->next == next && part->end == end && part->text &&
                part->size == strlen(text) && memcmp(part->text, text, part->size + 1) == 0;
    if (!same)
        printf("# %" PRIu64 " to %" PRIu64 " of %" PRIu64 ": '%s'\n", part->start, part->next,
               part->end, part->text ? part->text : "(null)");
    return same;
}

static void is_read(enum pyro_log_unit unit, uint64_t cursor, uint64_t most,
                    const struct pyro_log_part *wanted, const char *name)
{
    struct pyro_log_part part = read_part(unit, cursor, most);
    ok(is_part(&part, wanted->start, wanted->next, wanted->end, wanted->text), "%s", name);
    pyro_log_part_finish(&part);
}

#define WANT(...) (&(struct pyro_log_part){__VA_ARGS__})

static void put_file(const char *name, const void *bytes, size_t size)
{
    cleanup_close int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || pyro_fd_write_all(fd, bytes, size) < 0)
        exit(1);
}

static void test_positions(void)
{
    struct pyro_log_writer writer;
    struct pyro_log_part part;
    is_int(pyro_log_read(directory, "none", PYRO_LOG_BYTES, 7, 10, &part), 0, "no such log");
    ok(part.start == 0 && part.next == 0 && part.end == 0 && part.size == 0, "it is empty");
    pyro_log_part_finish(&part);
    is_int(pyro_log_writer_init(&writer, directory, "../x", PYRO_LOG_BYTES, 1), -EINVAL,
           "a path is no name");
    is_int(pyro_log_writer_init(&writer, directory, "a name that is long", PYRO_LOG_BYTES, 1),
           -EINVAL, "nor is a long one");
    begin(&writer, PYRO_LOG_CHARACTERS);
    pyro_log_write(&writer, "aä€😀z", strlen("aä€😀z"));
    is_int(writer.position, 5, "characters are counted");
    is_read(PYRO_LOG_CHARACTERS, 0, 100, WANT(0, 5, 5, "aä€😀z"), "all of it");
    is_read(PYRO_LOG_CHARACTERS, 1, 2, WANT(1, 3, 5, "ä€"), "from its middle");
    is_read(PYRO_LOG_CHARACTERS, 1, 0, WANT(1, 1, 5, ""), "nothing of it");
    is_read(PYRO_LOG_CHARACTERS, 5, 9, WANT(5, 5, 5, ""), "from its end");
    is_read(PYRO_LOG_CHARACTERS, 6, 9, WANT(5, 5, 5, ""), "from beyond");
    is_read(PYRO_LOG_CHARACTERS, UINT64_MAX, UINT64_MAX, WANT(5, 5, 5, ""), "from far beyond");
    is_read(PYRO_LOG_BYTES, 1, 2, WANT(1, 3, 11, "ä"), "the same in bytes");
    pyro_log_writer_finish(&writer);
    is_read(PYRO_LOG_CHARACTERS, 4, 9, WANT(4, 5, 5, "z"), "what is kept stays");
    begin(&writer, PYRO_LOG_CHARACTERS);
    is_read(PYRO_LOG_CHARACTERS, 4, 9, WANT(0, 0, 0, ""), "until the log begins anew");
    pyro_log_writer_finish(&writer);
}

/* Text, broken text and other bytes, about as often. */
static size_t make_bytes(uint8_t *bytes, size_t size)
{
    static const char *const pieces[] = {"ä",        "€",        "😀",
                                         "plain",    "\xe2\x82", "\xf0\x9f\x98",
                                         "\xff",     "\x80",     "\xed\xa0\x80",
                                         "\xf4\x90", "\xc0\xaf", "\n"};
    size_t at = 0;
    while (at + 8 < size) {
        const char *piece = pieces[(size_t)rand() % ARRAY_SIZE(pieces)];
        at = (size_t)((uint8_t *)mempcpy(bytes + at, piece, strlen(piece)) - bytes);
    }
    return at;
}

/* What reading in parts of `most` units yields; NULL when it is not contiguous. To be freed. */
static char *read_all(enum pyro_log_unit unit, uint64_t cursor, uint64_t most, size_t *ret_size)
{
    char *all = malloc(1 << 20);
    size_t size = 0;
    for (;;) {
        struct pyro_log_part part = read_part(unit, cursor, most);
        uint64_t units = unit == PYRO_LOG_BYTES ? part.size : pyro_text_count(part.text, part.size);
        bool good = part.text && part.start == cursor && part.next - part.start == units &&
                    units <= most && pyro_text_valid(part.text, part.size) == part.size;
        cursor = part.next;
        if (good)
            memcpy(all + size, part.text, part.size);
        size += part.size;
        bool is_end = !good || units == 0;
        good = good && (!is_end || part.next == part.end);
        pyro_log_part_finish(&part);
        if (is_end) {
            *ret_size = size;
            all[size] = '\0';
            return good ? all : (free(all), NULL);
        }
    }
}

static void test_chunks(void)
{
    uint8_t bytes[3000];
    int failed = 0;
    for (int round = 0; round < 150; round++) {
        srand((unsigned)round);
        size_t size = make_bytes(bytes, 1 + (size_t)rand() % sizeof(bytes)), wanted_size, got_size;
        struct pyro_log_writer writer;
        begin(&writer, PYRO_LOG_CHARACTERS);
        for (size_t at = 0, chunk; at < size; at += chunk) {
            chunk = 1 + (size_t)rand() % (round % 3 == 0 ? 3 : 200);
            chunk = MIN(chunk, size - at);
            pyro_log_write(&writer, bytes + at, chunk);
        }
        pyro_log_writer_finish(&writer);
        cleanup_free char *wanted = pyro_text_to_utf8(bytes, size, &wanted_size);
        cleanup_free char *got = read_all(PYRO_LOG_CHARACTERS, 0, UINT64_MAX, &got_size);
        bool same = got && got_size == wanted_size && memcmp(got, wanted, got_size) == 0 &&
                    writer.position == pyro_text_count(wanted, wanted_size);
        if (!same && failed++ == 0)
            printf("# round %d: %zu bytes, wanted %zu, got %zu\n", round, size, wanted_size,
                   got ? got_size : 0);
    }
    is_int(failed, 0, "text that came in pieces is the text of the whole");
}

static void test_parts(enum pyro_log_unit unit, const char *name)
{
    struct pyro_log_writer writer;
    begin(&writer, unit);
    size_t size = 0, got_size;
    cleanup_free char *wanted = calloc(1, 3 * SEGMENT);
    while (size + 40 < 2 * SEGMENT + 400) { /* over three segments */
        char line[40];
        size_t length = (size_t)sprintf(line, unit == PYRO_LOG_BYTES ? "%zu\n" : "%zu ä€😀\n", size);
        pyro_log_write(&writer, line, length);
        memcpy(wanted + size, line, length);
        size += length;
    }
    int failed = 0;
    for (uint64_t most = 1; most <= 7; most++) {
        cleanup_free char *got = read_all(unit, 0, most, &got_size);
        failed += !got || got_size != size || memcmp(got, wanted, size) != 0;
    }
    is_int(failed, 0, name);
    pyro_log_writer_finish(&writer);
}

static bool is_read_on(struct pyro_log_reader *reader, uint64_t cursor, uint64_t known_end,
                       const struct pyro_log_part *wanted)
{
    struct pyro_log_part part;
    int r = pyro_log_reader_read(reader, cursor, 99, known_end, &part);
    bool is_good = r == 0 && is_part(&part, wanted->start, wanted->next, wanted->end, wanted->text);
    pyro_log_part_finish(&part);
    return is_good;
}

static void test_reading_on(void)
{
    static const char segment[] = "log.00000000000000000000";
    struct pyro_log_writer writer;
    struct pyro_log_reader reader;
    begin(&writer, PYRO_LOG_CHARACTERS);
    pyro_log_reader_init(&reader, directory, "log", PYRO_LOG_CHARACTERS);
    pyro_log_write(&writer, "aä", 3);
    ok(is_read_on(&reader, 0, 2, WANT(0, 2, 2, "aä")), "a reader reads to the end");
    pyro_log_write(&writer, "€z", 4);
    ok(is_read_on(&reader, 2, 4, WANT(2, 4, 4, "€z")), "and then what has come");
    pyro_log_write(&writer, "\xc3", 1);
    ok(is_read_on(&reader, 2, 4, WANT(2, 4, 4, "€z")),
       "a character that is not whole does not count");
    renameat(directory, segment, directory, "hidden");
    pyro_log_write(&writer, "\xb6", 1);
    ok(is_read_on(&reader, 2, 5, WANT(2, 5, 5, "€zö")), "without looking for it");
    ok(is_read_on(&reader, 0, 5, WANT(0, 0, 0, "")), "which only its own cursor saves");
    ok(is_read_on(&reader, 2, 6, WANT(0, 0, 0, "")), "as long as the log ends there");
    renameat(directory, "hidden", directory, segment);
    put_file(segment, "bcd", 3);
    ok(is_read_on(&reader, 2, 5, WANT(2, 3, 3, "d")), "a file that was edited is looked through");
    pyro_log_reader_finish(&reader);
    pyro_log_writer_finish(&writer);
}

/* Against reading anew each time, over many segments. */
static void test_reading_on_in_segments(void)
{
    struct pyro_log_writer writer;
    struct pyro_log_reader reader;
    int failed = 0;
    begin(&writer, PYRO_LOG_CHARACTERS);
    pyro_log_reader_init(&reader, directory, "log", PYRO_LOG_CHARACTERS);
    for (uint64_t cursor = 0, i = 0; i < 4000; i++) {
        pyro_log_write(&writer, "ä€😀 lines of it\n", (size_t)rand() % 23);
        struct pyro_log_part part, wanted = read_part(PYRO_LOG_CHARACTERS, cursor, 40);
        failed += pyro_log_reader_read(&reader, cursor, 40, i % 5 ? writer.position : 0, &part) < 0;
        failed += !is_part(&part, wanted.start, wanted.next, wanted.end, wanted.text);
        cursor = i % 3 ? part.next : cursor;
        pyro_log_part_finish(&part);
        pyro_log_part_finish(&wanted);
    }
    is_int(failed, 0, "a reader sees what reading anew sees");
    pyro_log_reader_finish(&reader);
    pyro_log_writer_finish(&writer);
}

static uint64_t kept_bytes(void)
{
    struct log_segments segments;
    uint64_t total = 0, size;
    log_segments_list(directory, "log", &segments);
    for (size_t i = 0; i < segments.count; i++) {
        cleanup_close int fd = log_segment_open(directory, "log", segments.positions[i], &size);
        total += fd >= 0 ? size : 0;
    }
    return total;
}

static void test_bounds(enum pyro_log_unit unit, size_t chunk, const char *name)
{
    struct pyro_log_writer writer;
    begin(&writer, unit);
    cleanup_free char *text = malloc(chunk);
    for (size_t i = 0; i < chunk; i++)
        text[i] = "abcdefghi\xe2\x82\xac"[i % 12];
    uint64_t least = UINT64_MAX, most = 0, written = 0;
    for (size_t at = 0; at < 6 * KEEP; at += chunk) {
        pyro_log_write(&writer, text, chunk);
        written += chunk;
        uint64_t kept = kept_bytes();
        least = written >= 2 * KEEP ? MIN(least, kept) : least;
        most = MAX(most, kept);
    }
    if (!ok(least >= KEEP && most <= KEEP + SEGMENT + 9 * 3, "%s", name))
        printf("# between %" PRIu64 " and %" PRIu64 "\n", least, most);
    struct pyro_log_part part = read_part(unit, 0, UINT64_MAX);
    bool is_told = part.start > 0 && part.next == part.end && part.end == writer.position;
    ok(is_told, "the oldest is lost, and a reader is told");
    pyro_log_part_finish(&part);
    pyro_log_writer_finish(&writer);
}

/* A file that takes no more than so many bytes stands for a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_full_disk(void)
{
    struct pyro_log_writer writer;
    begin(&writer, PYRO_LOG_CHARACTERS);
    signal(SIGXFSZ, SIG_IGN);
    pyro_log_write(&writer, "ab", 2);
    limit_files(7);
    pyro_log_write(&writer, "€€€", 9);
    limit_files(0);
    for (int i = 0; i < 10; i++)
        pyro_log_write(&writer, "lost", 4);
    struct log_segments segments;
    log_segments_list(directory, "log", &segments);
    limit_files(RLIM_INFINITY);
    is_int(segments.count, 1, "a disk that takes nothing gathers no empty files");
    is_read(PYRO_LOG_CHARACTERS, 0, 99, WANT(0, 3, 3, "ab€"), "whole characters of it are kept");
    pyro_log_write(&writer, "c", 1);
    is_read(PYRO_LOG_CHARACTERS, 0, 99, WANT(0, 3, 46, "ab€"), "a part ends at a gap");
    is_read(PYRO_LOG_CHARACTERS, 3, 99, WANT(45, 46, 46, "c"), "the next one tells of it");
    is_read(PYRO_LOG_CHARACTERS, 20, 99, WANT(45, 46, 46, "c"), "also from within");
    for (int i = 0; i < 500; i++) {
        limit_files(1);
        pyro_log_write(&writer, "yz", 2);
    }
    limit_files(RLIM_INFINITY);
    log_segments_list(directory, "log", &segments);
    is_int(segments.count, LOG_SEGMENTS_MOST, "gaps make no more than so many files");
    pyro_log_writer_finish(&writer);
}

static void is_tail(uint64_t lines, uint64_t wanted)
{
    uint64_t position = 77, end = 77, all, none;
    pyro_log_find_tail(directory, "log", 0, &none, &all);
    int r = pyro_log_find_tail(directory, "log", lines, &position, &end);
    ok(r == 0 && position == wanted && end == all && none == all,
       "the last %" PRIu64 " lines begin at %" PRIu64, lines, wanted);
    if (position != wanted)
        printf("# got %" PRIu64 "\n", position);
}

static void test_tail(void)
{
    struct pyro_log_writer writer;
    begin(&writer, PYRO_LOG_BYTES);
    is_tail(0, 0);
    is_tail(5, 0);
    pyro_log_write(&writer, "one\ntwo\n\nfour", 13);
    is_tail(0, 13);
    is_tail(1, 9);
    is_tail(2, 8);
    is_tail(4, 0);
    is_tail(99, 0);
    pyro_log_write(&writer, "\n", 1);
    is_tail(0, 14);
    is_tail(1, 9);
    is_tail(3, 4);
    char line[100];
    memset(line, 'x', sizeof(line));
    line[99] = '\n';
    for (int i = 0; i < 1000; i++)
        pyro_log_write(&writer, line, sizeof(line));
    is_tail(1, 14 + 999 * 100);
    is_tail(50, 14 + 950 * 100); /* in another segment */
    uint64_t oldest = writer.position - kept_bytes();
    is_tail(UINT64_MAX, oldest);
    pyro_log_writer_finish(&writer);
}

/* Numbered lines, so fast that readers fall behind now and then. */
static void write_lines(unsigned count)
{
    struct pyro_log_writer writer = {0};
    begin(&writer, PYRO_LOG_CHARACTERS);
    put_file("go", "", 0);
    for (unsigned i = 0; i < count; i++) {
        char line[80];
        int length = snprintf(line, sizeof(line), "%08u ä€😀 %.*s\n", i, (int)(i % 50),
                              "--------------------------------------------------");
        pyro_log_write(&writer, line, (size_t)length);
    }
    pyro_log_writer_finish(&writer);
}

/* Returns when the log of the test before is gone. The writer does not outlive this process. */
static pid_t start_writer(unsigned count)
{
    unlinkat(directory, "go", 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        write_lines(count);
        _exit(0);
    }
    while (child > 0 && faccessat(directory, "go", F_OK, 0) < 0)
        sched_yield();
    return child;
}

struct follower {
    uint64_t cursor, lost;
    unsigned lines, failed;
    long number;   /* of the last line, -1: none */
    bool is_whole; /* nothing was lost since the last line break */
    size_t used;
    char line[256];
};

static void follow_line(struct follower *follower)
{
    long number = strtol(follower->line, NULL, 10);
    size_t wanted = strlen("00000000 ä€😀 \n") + (size_t)number % 50;
    bool good =
        follower->used == wanted && (follower->number < 0 || number == follower->number + 1);
    if (follower->is_whole) {
        follower->failed += !good;
        follower->number = number;
        follower->lines++;
    }
    follower->is_whole = true;
    follower->used = 0;
}

static void follow_part(struct follower *follower, const struct pyro_log_part *part)
{
    uint64_t lost = part->start - follower->cursor;
    follower->failed += part->start < follower->cursor || part->next < part->start ||
                        part->end < part->next ||
                        part->next - part->start != pyro_text_count(part->text, part->size);
    if (lost > 0) {
        follower->lost += lost;
        follower->is_whole = false;
        follower->number = -1;
    }
    for (size_t i = 0; i < part->size; i++) {
        if (follower->used < sizeof(follower->line) - 1)
            follower->line[follower->used++] = part->text[i];
        if (part->text[i] == '\n')
            follow_line(follower);
    }
    follower->cursor = part->next;
}

static void test_follow(uint64_t most, const char *name)
{
    enum { LINES = 60000 };
    pid_t child = start_writer(LINES);
    struct follower follower = {.number = -1, .is_whole = true};
    bool is_over = false;
    for (;;) {
        struct pyro_log_part part = read_part(PYRO_LOG_CHARACTERS, follower.cursor, most);
        bool is_end = part.next == part.end;
        if (!part.text)
            follower.failed++;
        else
            follow_part(&follower, &part);
        pyro_log_part_finish(&part);
        if (is_over && is_end)
            break;
        is_over = is_over || waitpid(child, NULL, WNOHANG) == child;
    }
    ok(follower.failed == 0 && follower.number == LINES - 1 && follower.lines > 0, "%s", name);
    printf("# %u of %d lines, %" PRIu64 " characters lost\n", follower.lines, LINES, follower.lost);
}

/* Whoever writes may be killed at any time, and nothing more than its last write is missing. */
static void test_killed(void)
{
    pid_t child = start_writer(UINT32_MAX);
    struct pyro_log_part part;
    for (uint64_t start = 0; start == 0; pyro_log_part_finish(&part)) {
        part = read_part(PYRO_LOG_CHARACTERS, 0, UINT64_MAX);
        start = part.start;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    part = read_part(PYRO_LOG_CHARACTERS, 0, UINT64_MAX);
    ok(part.size >= KEEP && part.next == part.end, "what a killed writer left can be read");
    pyro_log_part_finish(&part);
}

static void test_hostile_names(void)
{
    struct pyro_log_writer writer;
    begin(&writer, PYRO_LOG_BYTES);
    static const char *const files[] = {
        "log.99999999999999999999",
        "log.18446744073709551615",
        "log.0000000000000000000",
        "log.000000000000000000000",
        "log.0000000000000000000x",
        "logs.00000000000000000005",
        "log.+0000000000000000005",
        "log",
        "log.",
    };
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        put_file(files[i], "not me", 6);
    mkdirat(directory, "log.00000000000000000001", 0700);
    symlinkat("log", directory, "log.00000000000000000002");
    mknodat(directory, "log.00000000000000000003", S_IFIFO | 0600, 0);
    pyro_log_write(&writer, "me", 2);
    is_read(PYRO_LOG_BYTES, 0, 99, WANT(0, 2, 2, "me"), "what is no segment is not read");
    is_tail(0, 2);
    uint64_t size;
    for (uint64_t i = 1; i <= 3; i++)
        is_int(log_segment_open(directory, "log", i, &size) < 0, 1, "nor opened");
    pyro_log_writer_finish(&writer);
    put_file("log.09223372036854775807", "far", 3);
    is_read(PYRO_LOG_BYTES, 2, 99, WANT(INT64_MAX, INT64_MAX + 3ULL, INT64_MAX + 3ULL, "far"),
            "a position of any size");
    for (uint64_t i = 1; i <= 3; i++)
        pyro_tree_remove_at(directory, log_segment_name("log", i).text);
}

static void test_hostile_content(void)
{
    struct pyro_log_writer writer;
    begin(&writer, PYRO_LOG_CHARACTERS);
    put_file("log.00000000000000000000", "\x80\x80good\xff\xe2\x82", 9);
    is_read(PYRO_LOG_CHARACTERS, 0, 99, WANT(0, 5, 5, "good\xef\xbf\xbd"), "broken text");
    put_file("log.00000000000000000003", "over\xe2", 5);
    is_read(PYRO_LOG_CHARACTERS, 0, 99, WANT(0, 7, 7, "gooover"), "segments that overlap");
    uint8_t noise[5000];
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)(round % 2 ? rand() : 0x80 | rand() % 128);
        put_file("log.00000000000000000002", noise, (size_t)rand() % sizeof(noise));
        uint64_t cursor = 0, reads = 0;
        for (struct pyro_log_part part; reads < 20000; reads++) {
            part = read_part(PYRO_LOG_CHARACTERS, cursor, 7);
            bool is_end = part.next == part.end || part.next < cursor;
            cursor = part.next;
            pyro_log_part_finish(&part);
            if (is_end)
                break;
        }
        if (reads == 20000)
            ok(false, "reading ends, round %d", round);
    }
    put_file("log.00000000000000000005", "x", 1);
    cleanup_close int fd = openat(directory, "log.00000000000000000005", O_WRONLY | O_CLOEXEC);
    is_int(ftruncate(fd, 1LL << 40), 0, "a terabyte of nothing");
    struct pyro_log_part part = read_part(PYRO_LOG_CHARACTERS, 5, 3);
    ok(part.start == 5 && part.next == 8 && part.end <= 5ULL + LOG_SEGMENT_CAP,
       "is looked at up to a cap");
    pyro_log_part_finish(&part);
    pyro_log_writer_finish(&writer);
}

int main(void)
{
    char path[] = "/tmp/pyro-test-log-XXXXXX";
    directory = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory < 0)
        return 1;
    test_positions();
    test_chunks();
    test_reading_on();
    test_reading_on_in_segments();
    test_parts(PYRO_LOG_BYTES, "bytes in parts of every size");
    test_parts(PYRO_LOG_CHARACTERS, "characters in parts of every size");
    test_bounds(PYRO_LOG_BYTES, 100, "bytes stay within bounds");
    test_bounds(PYRO_LOG_BYTES, 3 * KEEP - 7, "also when much comes at once");
    test_bounds(PYRO_LOG_CHARACTERS, 12, "characters stay within bounds");
    test_bounds(PYRO_LOG_CHARACTERS, 12 * 5000, "also when many come at once");
    test_full_disk();
    test_tail();
    test_follow(UINT64_MAX, "following a fast writer");
    test_follow(1000, "in small parts");
    test_killed();
    test_hostile_names();
    test_hostile_content();
    pyro_tree_remove_at(AT_FDCWD, path);
    return tap_done();
}
