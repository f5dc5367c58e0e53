/* What can be pushed: archives good and bad, cut and swollen. */
#include <errno.h>

#include "source_tar.h"

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
    if (!story_init())
        return 1;
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
    return story_finish();
}
