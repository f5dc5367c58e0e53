#include "environment/image.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "environment/ext4.h"
#include "environment/image_plan.h"
#include "environment/tarball.h"

enum { IMPLIED_DIRECTORY_MODE = LINUX_S_IFDIR | 0755 };

bool pyro_image_leaves_out(const char *path)
{
    size_t length = strlen(PYRO_HOST_PART);
    return strncmp(path, PYRO_HOST_PART, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static int bad_entry(const struct pyro_tarball *tarball, const char *problem,
                     struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "writing the disk image: %s: %s",
                          tarball->path, problem);
}

static int read_attributes(const struct pyro_tarball *tarball,
                           struct pyro_ext4_attributes *ret_attributes, struct pyro_error *error)
{
    struct archive_entry *entry = tarball->entry;
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    /* The largest number means "no owner" to the kernel. */
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return bad_entry(tarball, "its owner is out of range", error);
    *ret_attributes = (struct pyro_ext4_attributes){
        .mode = (uint16_t)archive_entry_mode(entry),
        .uid = (uint32_t)uid,
        .gid = (uint32_t)gid,
        .mtime = archive_entry_mtime(entry),
        .mtime_ns = (uint32_t)archive_entry_mtime_nsec(entry),
        .device_major = (uint32_t)archive_entry_rdevmajor(entry),
        .device_minor = (uint32_t)archive_entry_rdevminor(entry),
    };
    return 0;
}

/* The directory that holds the last component of `path`. Archives need not list every directory:
 * one that is missing is made. Nothing is ever reached through a symlink. */
static struct pyro_node *find_parent(struct pyro_ext4 *ext4, struct pyro_tarball *tarball,
                                     const char **ret_name, struct pyro_error *error)
{
    struct pyro_node *node = ext4->tree.root;
    const char *at = tarball->path, *slash;
    while ((slash = strchr(at, '/'))) {
        size_t length = (size_t)(slash - at);
        struct pyro_node *next = pyro_tree_find(&ext4->tree, node, at, length);
        struct pyro_ext4_attributes attributes = {.mode = IMPLIED_DIRECTORY_MODE,
                                                  .mtime = archive_entry_mtime(tarball->entry)};
        if (!next && pyro_ext4_add(ext4, node, at, length, &attributes, NULL, &next, error) < 0)
            return NULL;
        if (next->type != EXT2_FT_DIR) {
            bad_entry(tarball, "lies below something that is not a directory", error);
            return NULL;
        }
        node = next;
        at = slash + 1;
    }
    *ret_name = at;
    return node;
}

static int add_hard_link(struct pyro_ext4 *ext4, struct pyro_tarball *tarball,
                         struct pyro_node *parent, const char *name, struct pyro_error *error)
{
    char target[PYRO_TAR_PATH_MAX + 1];
    if (pyro_tarball_clean_path(archive_entry_hardlink(tarball->entry), target, error) < 0)
        return -1;
    struct pyro_node *node = ext4->tree.root;
    for (const char *at = target; node && *at;) {
        size_t length = strcspn(at, "/");
        node = pyro_tree_find(&ext4->tree, node, at, length);
        at += length;
        at += *at == '/';
    }
    if (!node)
        return bad_entry(tarball, "a hard link to a file that is not there", error);
    return pyro_ext4_add_link(ext4, parent, name, strlen(name), node, error);
}

static int add_data(struct pyro_ext4 *ext4, struct pyro_tarball *tarball,
                    const struct pyro_node *node, struct pyro_error *error)
{
    struct pyro_ext4_file file;
    uint64_t size = (uint64_t)archive_entry_size(tarball->entry);
    if (size == 0)
        return 0;
    if (pyro_ext4_file_open(ext4, node, size, &file, error) < 0)
        return -1;
    const void *bytes;
    size_t run;
    int64_t offset;
    int r;
    while ((r = pyro_tarball_read(tarball, &bytes, &run, &offset, error)) > 0) {
        if (pyro_ext4_file_write(&file, bytes, run, (uint64_t)offset, error) < 0) {
            r = -1;
            break;
        }
    }
    return pyro_ext4_file_close(&file, r < 0 ? NULL : error) < 0 ? -1 : r;
}

static int add_xattrs(struct pyro_ext4 *ext4, struct pyro_tarball *tarball,
                      const struct pyro_node *node, struct pyro_error *error)
{
    const char *name;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(tarball->entry);
    while (archive_entry_xattr_next(tarball->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (pyro_ext4_set_xattr(ext4, node, name, value, size, error) < 0)
            return -1;
    }
    return 0;
}

static int add_inode(struct pyro_ext4 *ext4, struct pyro_tarball *tarball, struct pyro_node *parent,
                     const char *name, struct pyro_error *error)
{
    struct pyro_ext4_attributes attributes;
    if (read_attributes(tarball, &attributes, error) < 0)
        return -1;
    bool directory = archive_entry_filetype(tarball->entry) == AE_IFDIR;
    struct pyro_node *node =
        *name ? pyro_tree_find(&ext4->tree, parent, name, strlen(name)) : parent;
    if (node && directory && node->type == EXT2_FT_DIR) {
        if (pyro_ext4_set_attributes(ext4, node, &attributes, error) < 0)
            return -1;
    } else if (!*name) {
        return bad_entry(tarball, "the root is not a directory", error);
    } else {
        const char *target = archive_entry_filetype(tarball->entry) == AE_IFLNK
                                 ? archive_entry_symlink(tarball->entry)
                                 : NULL;
        if (target && !*target)
            return bad_entry(tarball, "a symlink to nothing", error);
        if (pyro_ext4_add(ext4, parent, name, strlen(name), &attributes, target, &node, error) < 0)
            return -1;
    }
    if (add_xattrs(ext4, tarball, node, error) < 0)
        return -1;
    return node->type == EXT2_FT_REG_FILE ? add_data(ext4, tarball, node, error) : 0;
}

static int add_entry(struct pyro_ext4 *ext4, struct pyro_tarball *tarball, struct pyro_error *error)
{
    const char *name;
    struct pyro_node *parent = find_parent(ext4, tarball, &name, error);
    if (!parent)
        return -1;
    if (archive_entry_hardlink(tarball->entry))
        return add_hard_link(ext4, tarball, parent, name, error);
    return add_inode(ext4, tarball, parent, name, error);
}

static int add_all(struct pyro_ext4 *ext4, int tar_fd, pyro_image_progress progress, void *userdata,
                   struct pyro_error *error)
{
    struct pyro_tarball tarball;
    if (pyro_tarball_open(&tarball, tar_fd, error) < 0)
        return -1;
    int r;
    while ((r = pyro_tarball_next(&tarball, error)) > 0) {
        if (!pyro_image_leaves_out(tarball.path) && add_entry(ext4, &tarball, error) < 0) {
            r = -1;
            break;
        }
        off_t done = lseek(tar_fd, 0, SEEK_CUR);
        if (progress && progress(userdata, (uint64_t)done, tarball.size_bytes) != 0) {
            r = pyro_error_set(error, PYRO_ERROR_CANCELLED, "writing the disk image: cancelled");
            break;
        }
    }
    pyro_tarball_finish(&tarball);
    return r;
}

int pyro_image_write(int tar_fd, const char *path, pyro_image_progress progress, void *userdata,
                     struct pyro_error *error)
{
    struct pyro_image_plan plan;
    struct pyro_ext4 ext4;
    if (pyro_image_plan_make(tar_fd, &plan, error) < 0 ||
        pyro_ext4_create(&ext4, path, plan.blocks, plan.inodes, error) < 0)
        return -1;
    int r = add_all(&ext4, tar_fd, progress, userdata, error);
    if (r == 0)
        r = pyro_ext4_complete(&ext4, error);
    pyro_ext4_finish(&ext4);
    return r;
}
