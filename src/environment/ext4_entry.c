/* Adding inodes, links, extended attributes and file data to the image. */
#include "environment/ext4.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"

static uint8_t type_of(uint16_t mode)
{
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
        return EXT2_FT_DIR;
    case LINUX_S_IFREG:
        return EXT2_FT_REG_FILE;
    case LINUX_S_IFLNK:
        return EXT2_FT_SYMLINK;
    case LINUX_S_IFCHR:
        return EXT2_FT_CHRDEV;
    case LINUX_S_IFBLK:
        return EXT2_FT_BLKDEV;
    case LINUX_S_IFIFO:
        return EXT2_FT_FIFO;
    default:
        return EXT2_FT_UNKNOWN;
    }
}

/* 34 bits of seconds from 1901 on: 32 in the old field, two more beside the nanoseconds. */
static void set_times(struct ext2_inode_large *inode, int64_t seconds, uint32_t nanoseconds)
{
    int64_t least = INT32_MIN, most = ((int64_t)3 << 32) + INT32_MAX;
    seconds = MAX(least, MIN(most, seconds));
    uint32_t epoch = (uint32_t)((seconds - (int32_t)(uint32_t)seconds) >> 32) & 3;
    uint32_t extra = nanoseconds % 1000000000u << 2 | epoch;
    inode->i_atime = inode->i_ctime = inode->i_mtime = inode->i_crtime = (uint32_t)seconds;
    inode->i_atime_extra = inode->i_ctime_extra = extra;
    inode->i_mtime_extra = inode->i_crtime_extra = extra;
}

static void set_attributes(struct ext2_inode_large *inode,
                           const struct pyro_ext4_attributes *attributes)
{
    inode->i_mode = attributes->mode;
    inode->i_uid = (uint16_t)attributes->uid;
    inode->i_gid = (uint16_t)attributes->gid;
    inode->i_uid_high = (uint16_t)(attributes->uid >> 16);
    inode->i_gid_high = (uint16_t)(attributes->gid >> 16);
    inode->i_extra_isize = sizeof(*inode) - EXT2_GOOD_OLD_INODE_SIZE;
    set_times(inode, attributes->mtime, attributes->mtime_ns);
}

/* The kernel's encoding of device numbers: the old one where it fits, else the new one. */
static void set_device(struct ext2_inode_large *inode, uint32_t major, uint32_t minor)
{
    if (major < 256 && minor < 256)
        inode->i_block[0] = major << 8 | minor;
    else
        inode->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static errcode_t write_inode(ext2_filsys fs, ext2_ino_t number, struct ext2_inode_large *inode)
{
    return ext2fs_write_inode_full(fs, number, (struct ext2_inode *)inode, sizeof(*inode));
}

/* Marks it as mapped by extents, of which there are none yet. */
static errcode_t start_extents(ext2_filsys fs, ext2_ino_t number, struct ext2_inode_large *inode)
{
    ext2_extent_handle_t handle;
    errcode_t code = ext2fs_extent_open2(fs, number, (struct ext2_inode *)inode, &handle);
    if (!code)
        ext2fs_extent_free(handle);
    return code;
}

/* An inode that has no data yet, but is whole otherwise. */
static errcode_t write_fresh(ext2_filsys fs, ext2_ino_t number,
                             const struct pyro_ext4_attributes *attributes, const char *target)
{
    struct ext2_inode_large inode = {.i_links_count = 1};
    uint8_t type = type_of(attributes->mode);
    size_t length = target ? strlen(target) : 0;
    errcode_t code = 0;
    set_attributes(&inode, attributes);
    if (type == EXT2_FT_CHRDEV || type == EXT2_FT_BLKDEV) {
        set_device(&inode, attributes->device_major, attributes->device_minor);
    } else if (type == EXT2_FT_SYMLINK && length < sizeof(inode.i_block)) {
        memcpy(inode.i_block, target, length);
        inode.i_size = (uint32_t)length;
    } else if (type != EXT2_FT_FIFO) {
        code = start_extents(fs, number, &inode);
    }
    return code ? code : write_inode(fs, number, &inode);
}

static errcode_t make_inode(ext2_filsys fs, ext2_ino_t near,
                            const struct pyro_ext4_attributes *attributes, const char *target,
                            ext2_ino_t *ret_number)
{
    errcode_t code = ext2fs_new_inode(fs, near, attributes->mode, NULL, ret_number);
    if (code)
        return code;
    ext2fs_inode_alloc_stats2(fs, *ret_number, +1, type_of(attributes->mode) == EXT2_FT_DIR);
    return write_fresh(fs, *ret_number, attributes, target);
}

int pyro_ext4_add_root(struct pyro_ext4 *ext4, const struct pyro_ext4_attributes *attributes,
                       struct pyro_error *error)
{
    int r = pyro_tree_init(&ext4->tree, EXT2_ROOT_INO, EXT2_FT_DIR);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "writing the disk image");
    ext2fs_inode_alloc_stats2(ext4->fs, EXT2_ROOT_INO, +1, 1);
    errcode_t code = write_fresh(ext4->fs, EXT2_ROOT_INO, attributes, NULL);
    return code ? pyro_ext4_failed(code, "making", "the root directory", error) : 0;
}

static int name_taken(const char *name, size_t length, struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                          "writing the disk image: %.*s occurs twice in one directory", (int)length,
                          name);
}

static int add_name(struct pyro_ext4 *ext4, struct pyro_node *parent, const char *name,
                    size_t length, struct pyro_node **ret_node, struct pyro_error *error)
{
    if (pyro_tree_find(&ext4->tree, parent, name, length))
        return name_taken(name, length, error);
    int r = pyro_tree_add(&ext4->tree, parent, name, length, ret_node);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_PULL_FAILED, r,
                                    "writing the disk image: adding %.*s", (int)length, name);
    return 0;
}

static int write_target(struct pyro_ext4 *ext4, const struct pyro_node *node, const char *target,
                        struct pyro_error *error)
{
    struct pyro_ext4_file file;
    size_t length = strlen(target);
    if (pyro_ext4_file_open(ext4, node, length, &file, error) < 0)
        return -1;
    int r = pyro_ext4_file_write(&file, target, length, 0, error);
    return pyro_ext4_file_close(&file, r < 0 ? NULL : error) < 0 ? -1 : r;
}

int pyro_ext4_add(struct pyro_ext4 *ext4, struct pyro_node *parent, const char *name, size_t length,
                  const struct pyro_ext4_attributes *attributes, const char *target,
                  struct pyro_node **ret_node, struct pyro_error *error)
{
    if (type_of(attributes->mode) == EXT2_FT_UNKNOWN)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "writing the disk image: %.*s is of no known type", (int)length,
                              name);
    if (target && strlen(target) >= PYRO_EXT4_BLOCK)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "writing the disk image: the symlink %.*s is too long", (int)length,
                              name);
    if (add_name(ext4, parent, name, length, ret_node, error) < 0)
        return -1;
    struct pyro_node *node = *ret_node;
    node->type = type_of(attributes->mode);
    errcode_t code = make_inode(ext4->fs, parent->inode, attributes, target, &node->inode);
    if (code)
        return pyro_ext4_failed(code, "adding", node->name, error);
    if (target && strlen(target) >= sizeof(((struct ext2_inode *)NULL)->i_block))
        return write_target(ext4, node, target, error);
    return 0;
}

int pyro_ext4_add_link(struct pyro_ext4 *ext4, struct pyro_node *parent, const char *name,
                       size_t length, const struct pyro_node *target, struct pyro_error *error)
{
    struct ext2_inode_large inode;
    struct pyro_node *node;
    errcode_t code =
        ext2fs_read_inode_full(ext4->fs, target->inode, (struct ext2_inode *)&inode, sizeof(inode));
    if (!code && (target->type == EXT2_FT_DIR || inode.i_links_count >= EXT2_LINK_MAX))
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "writing the disk image: %.*s: %s cannot have one more link",
                              (int)length, name, target->name);
    if (!code) {
        inode.i_links_count++;
        code = write_inode(ext4->fs, target->inode, &inode);
    }
    if (code)
        return pyro_ext4_failed(code, "linking", target->name, error);
    if (add_name(ext4, parent, name, length, &node, error) < 0)
        return -1;
    node->inode = target->inode;
    node->type = target->type;
    return 0;
}

int pyro_ext4_set_attributes(struct pyro_ext4 *ext4, const struct pyro_node *node,
                             const struct pyro_ext4_attributes *attributes,
                             struct pyro_error *error)
{
    struct ext2_inode_large inode;
    errcode_t code =
        ext2fs_read_inode_full(ext4->fs, node->inode, (struct ext2_inode *)&inode, sizeof(inode));
    if (!code) {
        set_attributes(&inode, attributes);
        code = write_inode(ext4->fs, node->inode, &inode);
    }
    return code ? pyro_ext4_failed(code, "changing", node->name, error) : 0;
}

/* The kernel knows no other kinds, and would not show them. */
static bool is_known_kind(const char *name)
{
    static const char *const kinds[] = {"user.", "trusted.", "security.", "system.posix_acl_"};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return true;
    }
    return false;
}

int pyro_ext4_set_xattr(struct pyro_ext4 *ext4, const struct pyro_node *node, const char *name,
                        const void *value, size_t size, struct pyro_error *error)
{
    struct ext2_xattr_handle *handle = NULL;
    if (!is_known_kind(name))
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "writing the disk image: %s: %s is no extended attribute's name",
                              node->name, name);
    errcode_t code = ext2fs_xattrs_open(ext4->fs, node->inode, &handle);
    if (!code)
        code = ext2fs_xattrs_read(handle);
    if (!code)
        code = ext2fs_xattr_set(handle, name, value, size); /* writes it, too */
    if (handle) {
        errcode_t closing = ext2fs_xattrs_close(&handle);
        code = code ? code : closing;
    }
    return code ? pyro_ext4_failed(code, name, node->name, error) : 0;
}

int pyro_ext4_file_open(struct pyro_ext4 *ext4, const struct pyro_node *node, uint64_t size_bytes,
                        struct pyro_ext4_file *ret_file, struct pyro_error *error)
{
    *ret_file = (struct pyro_ext4_file){.size_bytes = size_bytes};
    errcode_t code = ext2fs_file_open(ext4->fs, node->inode, EXT2_FILE_WRITE, &ret_file->handle);
    return code ? pyro_ext4_failed(code, "writing", node->name, error) : 0;
}

int pyro_ext4_file_write(struct pyro_ext4_file *file, const void *bytes, size_t size,
                         uint64_t offset, struct pyro_error *error)
{
    const char *at = bytes;
    errcode_t code = ext2fs_file_llseek(file->handle, offset, EXT2_SEEK_SET, NULL);
    while (!code && size > 0) {
        unsigned written = 0;
        code = ext2fs_file_write(file->handle, at, (unsigned)MIN(size, (size_t)1 << 20), &written);
        at += written;
        size -= written;
    }
    return code ? pyro_ext4_failed(code, "writing", "a file", error) : 0;
}

int pyro_ext4_file_close(struct pyro_ext4_file *file, struct pyro_error *error)
{
    errcode_t code = ext2fs_file_set_size2(file->handle, (ext2_off64_t)file->size_bytes);
    errcode_t closing = ext2fs_file_close(file->handle);
    code = code ? code : closing;
    return code ? pyro_ext4_failed(code, "writing", "a file", error) : 0;
}
