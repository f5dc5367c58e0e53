/* The parts of the image writer that need no image: names, and the kernel's archives. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "environment/cpio.h"
#include "environment/digest.h"
#include "environment/tarball.h"
#include "environment/tree.h"
#include "tap.h"

static void test_names(void)
{
    struct pyro_tree tree;
    struct pyro_node *etc, *node;
    char name[16], longest[PYRO_NAME_MAX + 1];
    is_int(pyro_tree_init(&tree, 2, 2), 0, "init");
    is_int(pyro_tree_add(&tree, tree.root, "etc", 3, &etc), 0, "add");
    ok(pyro_tree_find(&tree, tree.root, "etc", 3) == etc, "find");
    ok(!pyro_tree_find(&tree, etc, "etc", 3), "not in another directory");
    ok(!pyro_tree_find(&tree, tree.root, "et", 2), "not a shorter name");
    memset(longest, 'n', sizeof(longest));
    is_int(pyro_tree_add(&tree, etc, longest, PYRO_NAME_MAX, &node), 0, "the longest name");
    is_int(pyro_tree_add(&tree, etc, longest, PYRO_NAME_MAX + 1, &node), -ENAMETOOLONG,
           "one that is too long");
    size_t before = tree.count;
    int r = 0;
    for (int i = 0; r == 0; i++) {
        int length = snprintf(name, sizeof(name), "%d", i);
        r = pyro_tree_add(&tree, i % 2 ? etc : tree.root, name, (size_t)length, &node);
    }
    is_int(r, -EOVERFLOW, "the number of names has a limit");
    is_int(tree.count - 1, PYRO_TREE_MAX, "which is reached");
    ok(pyro_tree_find(&tree, tree.root, "0", 1) && pyro_tree_find(&tree, etc, "99999", 5),
       "all are found after the table grew");
    ok(before < tree.count, "names were added");
    pyro_tree_finish(&tree);
}

static void test_paths(void)
{
    static const struct {
        const char *given, *clean; /* NULL: refused */
    } paths[] = {
        {"./usr/bin/", "usr/bin"},
        {"usr//./bin", "usr/bin"},
        {".", ""},
        {"./", ""},
        {"...", "..."},
        {"a/..b", "a/..b"},
        {"..", NULL},
        {"a/../b", NULL},
        {"/etc", NULL},
        {"a/..", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char clean[PYRO_TAR_PATH_MAX + 1];
        int r = pyro_tarball_clean_path(paths[i].given, clean, NULL);
        if (paths[i].clean)
            is_text(r == 0 ? clean : NULL, paths[i].clean, paths[i].given);
        else
            is_int(r, -1, paths[i].given);
    }
}

/* Reads it with libarchive, which knows the format from elsewhere. */
static void test_cpio(void)
{
    int fd = memfd_create("cpio", MFD_CLOEXEC);
    struct pyro_cpio cpio = {.fd = fd};
    is_int(pyro_cpio_add(&cpio, "dev", S_IFDIR | 0755, 0, NULL, 0), 0, "add a directory");
    is_int(pyro_cpio_add(&cpio, "dev/console", S_IFCHR | 0600, 0x501, NULL, 0), 0, "add a device");
    is_int(pyro_cpio_add(&cpio, "init", S_IFREG | 0755, 0, "12345", 5), 0, "add a file");
    is_int(pyro_cpio_end(&cpio), 0, "end");
    is_int(lseek(fd, 0, SEEK_CUR) % 4, 0, "another archive can follow");
    lseek(fd, 0, SEEK_SET);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_cpio(archive);
    archive_read_open_fd(archive, fd, 4096);
    is_int(archive_read_next_header(archive, &entry), ARCHIVE_OK, "first entry");
    is_text(archive_entry_pathname(entry), "dev", "its name");
    archive_read_next_header(archive, &entry);
    is_int(archive_entry_rdevmajor(entry), 5, "the device's major number");
    is_int(archive_entry_rdevminor(entry), 1, "and its minor");
    archive_read_next_header(archive, &entry);
    char data[16] = "";
    is_int(archive_read_data(archive, data, sizeof(data)), 5, "the file's size");
    is_text(data, "12345", "and content");
    is_int(archive_entry_mode(entry), S_IFREG | 0755, "and mode");
    is_int(archive_read_next_header(archive, &entry), ARCHIVE_EOF, "no more");
    archive_read_free(archive);
    close(fd);
}

static void test_digest(void)
{
    char digest[PYRO_DIGEST_SIZE];
    int fd = memfd_create("digest", MFD_CLOEXEC);
    is_int(pyro_digest_fd(fd, digest), 0, "digest");
    is_text(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "of nothing");
    if (write(fd, "abc", 3) != 3)
        abort();
    pyro_digest_fd(fd, digest);
    is_text(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "of abc");
    close(fd);
    is_int(pyro_digest_fd(fd, digest), -EBADF, "of a closed descriptor");
}

int main(void)
{
    test_names();
    test_paths();
    test_cpio();
    test_digest();
    return tap_done();
}
