/* What a guest sends, and what becomes of it on the host: whole trees, hostile ones, half ones. */
#include <sys/resource.h>

#include "sink_stream.h"

static const char whole[] = "D:@750 F:a=alpha F:none@0= D:d@1777 F:d/b@640=beta L:d/l>../a "
                            "H:d/h>d/b D:d/e@500 f:d/e/s=9 w:1=bc w:5=fg !0 L:d/up>e/../b .";
static const char whole_list[] = "/@750\na@644=alpha\nd/@777\nd/b@640=beta\nd/e/@500\nd/e/s@644=\n"
                                 "d/h@640=beta\nd/l>../a\nd/up>e/../b\nnone@0=\n";

static bool has_mtime(const char *directory, const char *name)
{
    struct stat status;
    cleanup_free char *path = pyro_text_format("%s%s%s", directory, *name ? "/" : "", name);
    return lstat(path, &status) == 0 && status.st_mtim.tv_sec == MTIME_NS / 1000000000 &&
           status.st_mtim.tv_nsec == MTIME_NS % 1000000000;
}

static void test_directory(void)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    char text[16] = "", path[160];
    place_init(&place);
    mode_t before = umask(077); /* modes are the guest's, whatever the umask is */
    is_int(send_words(place.goal, false, whole, &export, &error), 0, "a directory");
    umask(before);
    ok(is_listed(place.goal, whole_list), "is as it was sent");
    is_text(export.artifact_type, "directory", "and is told to be one");
    is_int(export.entry_count, 9, "with what is in it");
    is_int(export.bytes_written, 13, "and its data");
    is_int(json_array_size(export.skipped), 0, "nothing was skipped");
    ok(has_mtime(place.goal, "") && has_mtime(place.goal, "a") && has_mtime(place.goal, "d") &&
           has_mtime(place.goal, "d/e") && has_mtime(place.goal, "d/e/s"),
       "times are kept");
    snprintf(path, sizeof(path), "%s/d/e/s", place.goal);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ok(read(fd, text, sizeof(text)) == 9 && memcmp(text, "\0bc\0\0fg\0\0", 9) == 0,
       "zeros where there was no data");
    json_decref(export.skipped);
    place_finish(&place);
}

static void test_others(void)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    is_int(send_words(place.goal, false, "F:@400=text .", &export, &error), 0, "a file");
    ok(is_untouched(&place, "in/goal@400=text\n") && has_mtime(place.goal, ""), "is there");
    is_text(export.artifact_type, "file", "is told to be one");
    is_int(export.entry_count, 1, "counts");
    json_decref(export.skipped);
    is_int(send_words(place.goal, true, "L:>./some/thing .", &export, &error), 0, "a symlink");
    ok(is_untouched(&place, "in/goal>./some/thing\n"), "is there");
    is_text(export.artifact_type, "symlink", "is told to be one");
    is_int(export.entry_count, 1, "counts");
    json_decref(export.skipped);
    place_finish(&place);
}

static bool is_sparse(const char *path, off_t size)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_size == size && status.st_blocks < 2048;
}

static void test_sparse(void)
{
    struct place place;
    place_init(&place);
    ok(arrives(place.goal, false, "f:=1099511627776 w:1099511627775=x !0 ."), "a TiB of nothing");
    ok(is_sparse(place.goal, (off_t)1 << 40), "takes no room");
    ok(arrives(place.goal, true, "f:=1000000000 !0 ."), "nothing but a hole");
    ok(is_sparse(place.goal, 1000000000), "takes no room either");
    place_finish(&place);
}

/* ---- what is left out ---- */

static void is_left_out(const char *words, const char *path, const char *reason, const char *rest)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    is_int(send_words(place.goal, false, words, &export, &error), 0, words);
    const json_t *first = json_array_get(export.skipped, 0);
    is_int(json_array_size(export.skipped), 1, "one is left out");
    is_text(pyro_json_text(first, "path", ""), path, "its path is told");
    ok(strstr(pyro_json_text(first, "reason", ""), reason) != NULL, "for: %s", reason);
    ok(is_listed(place.goal, rest), "the others are there");
    json_decref(export.skipped);
    place_finish(&place);
}

static void test_left_out(void)
{
    is_left_out("D: L:a>/etc/passwd F:b=1 .", "a", "absolute path: '/etc/passwd'",
                "/@755\nb@644=1\n");
    is_left_out("D: L:a>.. .", "a", "leads out", "/@755\n");
    is_left_out("D: D:d L:d/a>x/../../../y .", "d/a", "leads out", "/@755\nd/@755\n");
    is_left_out("D: L:l>.//../goal/x .", "l", "leads out", "/@755\n");
    is_left_out("D: D:d O:d/null .", "d/null", "device", "/@755\nd/@755\n");
    is_left_out("D: L:a>b/../b/../b/../b/../b/../b/../b/../b/../b/../c .", "a", "too often",
                "/@755\n");
    is_left_out("D: O:a\xff\xfe .", "a\xef\xbf\xbd\xef\xbf\xbd", "device", "/@755\n");
}

/* Each of them stays inside by its text; together they would not. */
static void test_symlinks_together(void)
{
    is_left_out("D: D:d D:d/e L:d/e/s>../.. L:d/e/t>s/../x .", "d/e/t", "through another",
                "/@755\nd/@755\nd/e/@755\nd/e/s>../..\n");
    is_left_out("D: D:d D:d/e L:d/e/t>s/../x L:d/e/s>../.. .", "d/e/t", "through another",
                "/@755\nd/@755\nd/e/@755\nd/e/s>../..\n");
    is_left_out("D: F:f= L:t>f/../x .", "t", "through another", "/@755\nf@644=\n");
    struct place place;
    place_init(&place);
    ok(arrives(place.goal, false, "D: D:d L:a>d/../b L:d/r>.. L:dangling>no/../where ."),
       "those that stay inside");
    ok(is_listed(place.goal, "/@755\na>d/../b\nd/@755\nd/r>..\ndangling>no/../where\n"), "come");
    place_finish(&place);
}

static void test_many_left_out(void)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_buffer stream = stream_of("D:");
    place_init(&place);
    for (unsigned i = 0; i < PYRO_SINK_SKIPPED_MAX + 7; i++) {
        char path[16];
        snprintf(path, sizeof(path), "%u", i);
        put_entry(&stream, 'O', path, 0, 0, "");
    }
    pyro_tree_end_pack(&stream);
    is_int(send_bytes(place.goal, false, pyro_buffer_data(&stream), stream.size, 1000, &export,
                      &error),
           0, "many devices");
    is_int(json_array_size(export.skipped), PYRO_SINK_SKIPPED_MAX + 1, "are not all named");
    is_text(pyro_json_text(json_array_get(export.skipped, PYRO_SINK_SKIPPED_MAX), "reason", ""),
            "and 7 more", "but counted");
    json_decref(export.skipped);
    pyro_buffer_finish(&stream);
    place_finish(&place);
}

/* ---- what is refused ---- */

static const struct {
    const char *words, *message;
} bad[] = {
    {"D: F:a=1 F:a=2 .", "'a' twice"},
    {"D: D:a D:a .", "'a' twice"},
    {"D: L:a>b F:a=1 .", "'a' twice"},
    {"D: F:a=1 L:a>b .", "'a' twice"},
    {"D: F:a=1 F:b=1 H:a>b .", "'a' twice"},
    {"D: O:a F:a=1 .", "'a' twice"},
    {"D: L:a>/x D:a F:a/b=1 .", "'a' twice"},
    {"D: D: .", "what is to be exported twice"},
    {"F:=1 F:=2 .", "what is to be exported twice"},
    {"D: F:a=1 F:a/b=1 .", "'a/b' is in no directory"},
    {"D: F:a/b=1 D:a .", "'a/b' is in no directory"},
    {"D: D:a/b/c .", "'a/b/c' is in no directory"},
    {"D: O:a F:a/b=1 .", "'a/b' is in no directory"},
    {"D: L:a>/x F:a/b=1 .", "'a/b' is in no directory"},
    {"D: D:d L:s>d F:s/x=1 .", "'s/x' is in no directory"},
    {"D: D:d L:s>d D:s/x .", "'s/x' is in no directory"},
    {"D: D:d D:d/e L:s>d F:s/e/x=1 .", "'s/e/x' is in no directory"},
    {"D: D:d L:s>d L:s/x>y .", "'s/x' is in no directory"},
    {"D: D:d F:f=1 L:s>d H:s/x>f .", "'s/x' is in no directory"},
    {"F:=1 F:a=1 .", "'a' is in no directory"},
    {"L:>x F:a=1 .", "'a' is in no directory"},
    {"F:a=1 .", "'a' is in no directory"},
    {"D: H:a>b .", "'a' is in no directory"},
    {"D: L:s>x H:a>s .", "'a' is in no directory"},
    {"D: D:d H:a>d .", "'a' is in no directory"},
    {"D: D:d F:d/f=1 L:s>d H:a>s/f .", "'a' is in no directory"},
    {"H:>a .", "begins with a hard link"},
    {"D: f:a=5 w:0=12345 F:b=1 .", "'b' begins before 'a' is done"},
    {"D: f:a=5 w:0=12345 .", "ends before 'a' is done"},
    {"f:=5 .", "ends before what is to be exported is done"},
    {"D: w:0=x .", "belongs to no file"},
    {"D: F:a=1 w:1=x .", "belongs to no file"},
    {"w:0=x .", "belongs to no file"},
    {"D: !0 .", "did not begin"},
    {"D: F:a=1 !0 .", "did not begin"},
    {"D: f:a=4 w:0=12345 !0 .", "out of order or behind"},
    {"D: f:a=9 w:5=12345 !0 .", "out of order or behind"},
    {"D: f:a=9 w:9223372036854775000=1 !0 .", "out of order or behind"},
    {"D: f:a=9 w:2=ab w:3=cd !0 .", "out of order or behind"},
    {"D: f:a=9 w:2=ab w:0=cd !0 .", "out of order or behind"},
    {"D: M:a .", "'a' is said to be missing"},
    {"D: T:a .", "does not belong"},
    {"D: # .", "without a meaning, or something behind its end"},
    {"# .", "without a meaning, or something behind its end"},
    {"D: . .", "without a meaning, or something behind its end"},
    {"D: . F:a=1", "without a meaning, or something behind its end"},
    {".", "nothing at all"},
    {"D: F:a=1", "half-way"},
};

static bool is_refused(const char *words, enum pyro_error_code code, const char *message)
{
    struct place place;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    int r = send_words(place.goal, false, words, &export, &error);
    bool good = r == -1 && error.code == code && strstr(error.message, message) && *error.hint;
    if (!good)
        printf("# %d: %s (%s)\n", r, error.message, error.hint);
    good &= is_untouched(&place, "");
    place_finish(&place);
    return good;
}

static void test_bad(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ok(is_refused(bad[i].words, PYRO_ERROR_GUEST_FAILED, bad[i].message), "%s", bad[i].words);
}

static bool all_bad_are_refused(void *userdata)
{
    (void)userdata;
    bool good = true;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        good &= is_refused(bad[i].words, PYRO_ERROR_GUEST_FAILED, bad[i].message);
    struct place place;
    place_init(&place);
    good &= arrives(place.goal, false, whole) && is_listed(place.goal, whole_list);
    place_finish(&place);
    return good;
}

static bool without_openat2(void *userdata)
{
    refuse_call(SYS_openat2, *(int *)userdata, -1);
    return all_bad_are_refused(NULL);
}

static void test_without_openat2(void)
{
    ok(in_child(without_openat2, &(int){ENOSYS}), "the same on a kernel without openat2");
    ok(in_child(without_openat2, &(int){EPERM}), "and behind a filter that forbids it");
}

static void test_reasons(void)
{
    const enum pyro_error_code parameter = PYRO_ERROR_INVALID_PARAMETER;
    const enum pyro_error_code guest = PYRO_ERROR_GUEST_FAILED;
    ok(is_refused("O: .", parameter, "it is a device"), "a device");
    ok(is_refused("M: .", parameter, "there is nothing"), "nothing");
    ok(is_refused("L:>/etc/passwd .", parameter, "symlink to '/etc/passwd'"),
       "an absolute symlink");
    ok(is_refused("L:>../x .", parameter, "symlink to '../x'"), "a symlink upwards");
    ok(is_refused("L:>x/../y .", parameter, "symlink to 'x/../y'"), "a symlink with .. inside");
    ok(is_refused("f:=1099511627777 !0 .", parameter, "larger than 1 TiB"), "a file over 1 TiB");
    ok(is_refused("D: f:a=9 !116 .", guest, "'a' changed in the guest while it was read"),
       "a file that changed");
    ok(is_refused("D: f:a=9 w:0=x !5 .", guest, "cannot read 'a' in the guest: Input/output"),
       "a file that cannot be read");
    ok(is_refused("D: f:a=9 !28 .", guest, "cannot read 'a' in the guest: No space"),
       "the guest's disk is not the host's");
    ok(is_refused("D: f:a=9 !4294967295 .", guest, "does not say why"), "an errno that is none");
    ok(is_refused("D: F:x\x1b\n\x7f\xff\xc2\x9b/a=1 .", guest,
                  "'x???\xef\xbf\xbd?"
                  "?/a' is in no"),
       "a name that would speak to the terminal");
}

/* ---- streams that end too early ---- */

static void test_cuts(void)
{
    struct place place;
    struct pyro_tree_export export;
    struct pyro_buffer stream = stream_of(whole);
    const uint8_t *bytes = pyro_buffer_data(&stream);
    bool refused = true, clean = true;
    place_init(&place);
    for (size_t cut = 0; cut < stream.size; cut++) {
        struct pyro_error error = PYRO_ERROR_INIT;
        refused &= send_bytes(place.goal, false, bytes, cut, 7, &export, &error) == -1 &&
                   error.code == PYRO_ERROR_GUEST_FAILED && strstr(error.message, "half-way");
        clean &= is_untouched(&place, "");
    }
    ok(refused, "cut at each of %zu bytes, it is refused", stream.size);
    ok(clean, "and nothing remains");
    for (size_t step = 1; step < 50; step += 6) {
        struct pyro_error error = PYRO_ERROR_INIT;
        refused &= send_bytes(place.goal, true, bytes, stream.size, step, &export, &error) == 0;
        refused &= is_listed(place.goal, whole_list);
        json_decref(export.skipped);
    }
    ok(refused, "whole, it comes in parts of any size");
    pyro_buffer_finish(&stream);
    place_finish(&place);
}

static void test_given_up(void)
{
    struct place place;
    struct pyro_tree_sink *sink;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_buffer stream = stream_of("D: # F:a=1 .");
    place_init(&place);
    is_int(pyro_tree_sink_open(place.goal, false, &sink, &error), 0, "open");
    is_int(pyro_tree_sink_write(sink, pyro_buffer_data(&stream), stream.size, &error), -1, "write");
    is_int(pyro_tree_sink_write(sink, (const uint8_t *)"", 1, &error), -1, "no more is taken");
    is_int(pyro_tree_sink_finish(sink, &export, &error), -1, "nor finished");
    pyro_tree_sink_close(sink);
    pyro_tree_sink_close(NULL);
    ok(is_untouched(&place, ""), "nothing remains");
    pyro_buffer_finish(&stream);
    place_finish(&place);
}

/* ---- limits ---- */

static void test_entries_max(void)
{
    struct place place;
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_buffer stream = stream_of("D:");
    place_init(&place);
    is_int(pyro_tree_sink_open(place.goal, false, &sink, &error), 0, "open");
    int r = 0;
    unsigned count = 1;
    for (; r == 0 && count < 2 * PYRO_SINK_ENTRIES_MAX; count++) {
        char path[16];
        r = pyro_tree_sink_write(sink, pyro_buffer_data(&stream), stream.size, &error);
        pyro_buffer_consume(&stream, stream.size);
        snprintf(path, sizeof(path), "%u", count);
        put_entry(&stream, 'O', path, 0, 0, "");
    }
    is_int(count, PYRO_SINK_ENTRIES_MAX + 2, "a million entries and no more");
    is_int(error.code, PYRO_ERROR_INVALID_PARAMETER, "are refused");
    pyro_tree_sink_close(sink);
    pyro_buffer_finish(&stream);
    place_finish(&place);
}

/* 32 GiB take too long to write: what was written before is made up. */
static void limit_is_kept(const char *words, uint64_t bytes, size_t kept, const char *message)
{
    struct place place;
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_buffer stream = stream_of(words);
    place_init(&place);
    is_int(pyro_tree_sink_open(place.goal, false, &sink, &error), 0, "open");
    sink->bytes_written = bytes;
    sink->kept_bytes = kept;
    int r = pyro_tree_sink_write(sink, pyro_buffer_data(&stream), stream.size, &error);
    is_int(r, message ? -1 : 0, words);
    ok(!message || strstr(error.message, message), "%s", message ? message : "within the limit");
    pyro_tree_sink_close(sink);
    ok(is_untouched(&place, ""), "nothing remains");
    pyro_buffer_finish(&stream);
    place_finish(&place);
}

static void test_limits(void)
{
    limit_is_kept("D: F:a=12345 .", PYRO_SINK_BYTES_MAX - 5, 0, NULL);
    limit_is_kept("D: F:a=123456 .", PYRO_SINK_BYTES_MAX - 5, 0, "more than 32 GiB");
    limit_is_kept("D: D:a .", 0, ((size_t)256 << 20) - 60, "too many directories");
}

/* ---- the host's limits ---- */

struct failing {
    unsigned call;
    int errnum;
    enum pyro_error_code code;
    const char *message;
};

static bool fails_cleanly(void *userdata)
{
    const struct failing *failing = userdata;
    struct place place;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    refuse_call(failing->call, failing->errnum, -1);
    int r = send_words(place.goal, false, whole, &export, &error);
    bool good = r == -1 && error.code == failing->code && strstr(error.message, failing->message) &&
                is_untouched(&place, "");
    if (!good)
        printf("# %s\n", error.message);
    place_finish(&place);
    return good;
}

static void test_host_fails(void)
{
    struct failing full = {SYS_pwrite64, ENOSPC, PYRO_ERROR_DISK_FULL,
                           "cannot write 'a': No space"};
    struct failing quota = {SYS_mkdirat, EDQUOT, PYRO_ERROR_DISK_FULL, "nothing can be made"};
    struct failing links = {SYS_symlinkat, EPERM, PYRO_ERROR_SYSTEM, "cannot write 'd/l'"};
    struct failing times = {SYS_utimensat, EIO, PYRO_ERROR_SYSTEM, "cannot write 'a'"};
    struct failing hole = {SYS_ftruncate, ENOSPC, PYRO_ERROR_DISK_FULL, "cannot write 'd/e/s'"};
    struct failing link = {SYS_linkat, EMLINK, PYRO_ERROR_SYSTEM, "cannot write 'd/h'"};
    struct failing lock = {SYS_renameat2, EIO, PYRO_ERROR_INVALID_PARAMETER, "cannot be put there"};
    ok(in_child(fails_cleanly, &full), "a full disk");
    ok(in_child(fails_cleanly, &quota), "a quota");
    ok(in_child(fails_cleanly, &links), "a file system without symlinks");
    ok(in_child(fails_cleanly, &link), "too many hard links");
    ok(in_child(fails_cleanly, &times), "times that cannot be set");
    ok(in_child(fails_cleanly, &hole), "a hole that cannot be made");
    ok(in_child(fails_cleanly, &lock), "a rename that fails");
}

static bool modes_do_not_matter(void *userdata)
{
    (void)userdata;
    struct place place;
    place_init(&place);
    refuse_call(SYS_fchmod, EPERM, -1);
    bool good = arrives(place.goal, false, "D: F:a=1 .") &&
                is_untouched(&place, "in/goal/@700\nin/goal/a@600=1\n");
    place_finish(&place);
    return good;
}

/* A tree as deep as paths allow. `end`: what follows. */
static struct pyro_buffer deep_stream(const char *end)
{
    struct pyro_buffer stream = stream_of("D:"), rest = stream_of(end);
    char path[PYRO_TREE_PATH_MAX + 1] = "";
    for (size_t length = 0; length + 2 <= PYRO_TREE_PATH_MAX; length = strlen(path)) {
        strcpy(path + length, length > 0 ? "/d" : "d");
        put_entry(&stream, 'D', path, 0, 0, "");
    }
    must(pyro_buffer_append(&stream, pyro_buffer_data(&rest), rest.size) == 0, "append");
    pyro_buffer_finish(&rest);
    return stream;
}

static bool is_deep(void *userdata)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    struct rlimit few = {24, 24};
    struct pyro_buffer stream = deep_stream(userdata);
    place_init(&place);
    must(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    int r = send_bytes(place.goal, false, pyro_buffer_data(&stream), stream.size, 60000, &export,
                       &error);
    bool good = strcmp(userdata, ".") == 0 ? r == 0 && export.entry_count == 2048
                                           : r == -1 && is_untouched(&place, "");
    /* What is as deep is also replaced. */
    if (r == 0)
        good &= arrives(place.goal, true, "F:=1 .") && is_untouched(&place, "in/goal@644=1\n");
    json_decref(export.skipped);
    pyro_buffer_finish(&stream);
    place_finish(&place);
    return good;
}

static void test_deep(void)
{
    ok(in_child(is_deep, "."), "two thousand directories in each other");
    ok(in_child(is_deep, "D:d"), "and gone, when something is wrong at the end");
}

int main(void)
{
    umask(022);
    test_directory();
    test_others();
    test_sparse();
    test_left_out();
    test_symlinks_together();
    test_many_left_out();
    test_bad();
    test_without_openat2();
    test_reasons();
    test_cuts();
    test_given_up();
    test_entries_max();
    test_limits();
    test_host_fails();
    ok(in_child(modes_do_not_matter, NULL), "a file system without modes");
    test_deep();
    return tap_done();
}
