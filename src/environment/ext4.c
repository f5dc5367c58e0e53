#include "environment/ext4.h"

#include <errno.h>
#include <et/com_err.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/macros.h"

enum {
    BLOCKS_PER_GROUP = 8 * PYRO_EXT4_BLOCK,
    INODES_PER_GROUP = 8192, /* 16 GiB of them hold a million files */
    INODE_SIZE = 256,
    JOURNAL_BLOCKS = 8192, /* 32 MiB */
    /* Bitmaps, inode table, and the largest set of superblock, descriptors and reserved ones. */
    GROUP_OVERHEAD = 2 + INODES_PER_GROUP * INODE_SIZE / PYRO_EXT4_BLOCK + 128,
};

int pyro_ext4_failed(errcode_t code, const char *what, const char *name, struct pyro_error *error)
{
    if (code == EXT2_ET_SHORT_WRITE)
        code = ENOSPC; /* what a full disk looks like when part of the data still fitted */
    if (code > 0 && code < 256)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, (int)code,
                                    "writing the disk image: %s %s", what, name);
    if (code == EXT2_ET_NO_MEMORY)
        return pyro_error_no_memory(error);
    return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "writing the disk image: %s %s: %s", what,
                          name, error_message(code));
}

static void load_messages(void)
{
    initialize_ext2_error_table();
}

/* Whole groups, because a group that is cut short would have to be completed by the first growth.
 */
static uint64_t count_groups(uint64_t content_blocks, uint64_t inodes)
{
    uint64_t wanted = content_blocks + content_blocks / 50 + JOURNAL_BLOCKS + 4096;
    uint64_t usable = BLOCKS_PER_GROUP - GROUP_OVERHEAD;
    uint64_t for_blocks = (wanted + usable - 1) / usable;
    uint64_t for_inodes = (inodes + 64 + INODES_PER_GROUP - 1) / INODES_PER_GROUP;
    return MAX(for_blocks, for_inodes);
}

static void set_geometry(struct ext2_super_block *super, uint64_t groups)
{
    ext2fs_blocks_count_set(super, groups * BLOCKS_PER_GROUP);
    super->s_inodes_count = (uint32_t)(groups * INODES_PER_GROUP);
    super->s_log_block_size = 2; /* 1024 << 2 */
    super->s_log_cluster_size = 2;
    super->s_rev_level = EXT2_DYNAMIC_REV;
    super->s_inode_size = INODE_SIZE;
    super->s_log_groups_per_flex = 4;
    ext2fs_set_feature_xattr(super);
    ext2fs_set_feature_resize_inode(super);
    ext2fs_set_feature_dir_index(super);
    ext2fs_set_feature_filetype(super);
    ext2fs_set_feature_extents(super);
    ext2fs_set_feature_64bit(super);
    ext2fs_set_feature_flex_bg(super);
    ext2fs_set_feature_sparse_super(super);
    ext2fs_set_feature_large_file(super);
    ext2fs_set_feature_huge_file(super);
    ext2fs_set_feature_dir_nlink(super);
    ext2fs_set_feature_extra_isize(super);
    ext2fs_set_feature_metadata_csum(super);
}

static int make_file(const char *path, uint64_t size)
{
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return -errno;
    return 0;
}

/* What mke2fs would set and ext2fs_initialize() does not. */
static errcode_t set_identity(ext2_filsys fs)
{
    struct ext2_super_block *super = fs->super;
    if (getrandom(super->s_uuid, sizeof(super->s_uuid), 0) < 0 ||
        getrandom(super->s_hash_seed, sizeof(super->s_hash_seed), 0) < 0)
        return errno;
    super->s_uuid[6] = (super->s_uuid[6] & 0x0f) | 0x40; /* RFC 9562, version 4 */
    super->s_uuid[8] = (super->s_uuid[8] & 0x3f) | 0x80;
    memcpy(super->s_volume_name, "pyro", 4);
    super->s_def_hash_version = EXT2_HASH_HALF_MD4;
    super->s_flags |= EXT2_FLAGS_SIGNED_HASH;
    super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
    super->s_max_mnt_count = -1;
    super->s_min_extra_isize = super->s_want_extra_isize =
        sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    super->s_checksum_type = EXT2_CRC32C_CHKSUM;
    ext2fs_init_csum_seed(fs);
    return 0;
}

/* The file was just made, so its inode tables read as zeros: say so, and the kernel need not write
 * them in the background. */
static errcode_t make_tables(ext2_filsys fs)
{
    errcode_t code = ext2fs_allocate_tables(fs);
    for (dgrp_t group = 0; !code && group < fs->group_desc_count; group++) {
        ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
        ext2fs_group_desc_csum_set(fs, group);
    }
    return code;
}

static errcode_t reserve_inodes(ext2_filsys fs)
{
    for (ext2_ino_t inode = 1; inode < EXT2_FIRST_INODE(fs->super); inode++) {
        if (inode != EXT2_ROOT_INO)
            ext2fs_inode_alloc_stats2(fs, inode, +1, 0);
    }
    ext2fs_mark_ib_dirty(fs);
    return ext2fs_update_bb_inode(fs, NULL);
}

static errcode_t make_file_system(ext2_filsys fs)
{
    errcode_t code = set_identity(fs);
    if (!code)
        code = make_tables(fs);
    if (!code)
        code = reserve_inodes(fs);
    if (!code)
        code = ext2fs_create_resize_inode(fs);
    if (!code)
        code = ext2fs_add_journal_inode(fs, JOURNAL_BLOCKS,
                                        EXT2_MKJOURNAL_NO_MNT_CHECK | EXT2_MKJOURNAL_LAZYINIT);
    return code;
}

/* The root and lost+found, which e2fsck wants to find. */
static int make_first_directories(struct pyro_ext4 *ext4, struct pyro_error *error)
{
    struct pyro_ext4_attributes attributes = {.mode = LINUX_S_IFDIR | 0755, .mtime = time(NULL)};
    if (pyro_ext4_add_root(ext4, &attributes, error) < 0)
        return -1;
    attributes.mode = LINUX_S_IFDIR | 0700;
    struct pyro_node *node;
    return pyro_ext4_add(ext4, ext4->tree.root, "lost+found", 10, &attributes, NULL, &node, error);
}

int pyro_ext4_create(struct pyro_ext4 *ext4, const char *path, uint64_t content_blocks,
                     uint64_t inodes, struct pyro_error *error)
{
    static pthread_once_t messages = PTHREAD_ONCE_INIT;
    pthread_once(&messages, load_messages);
    *ext4 = (struct pyro_ext4){0};
    uint64_t groups = count_groups(content_blocks, inodes);
    struct ext2_super_block super = {0};
    set_geometry(&super, groups);
    int r = make_file(path, groups * BLOCKS_PER_GROUP * PYRO_EXT4_BLOCK);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "writing the disk image %s", path);
    errcode_t code = ext2fs_initialize(path, EXT2_FLAG_EXCLUSIVE | EXT2_FLAG_64BITS, &super,
                                       unix_io_manager, &ext4->fs);
    if (!code)
        code = make_file_system(ext4->fs);
    if (code)
        pyro_ext4_failed(code, "making", path, error);
    if (code || make_first_directories(ext4, error) < 0) {
        pyro_ext4_finish(ext4);
        return -1;
    }
    return 0;
}

int pyro_ext4_complete(struct pyro_ext4 *ext4, struct pyro_error *error)
{
    if (pyro_ext4_write_directories(ext4, error) < 0)
        return -1;
    errcode_t code = ext2fs_set_gdt_csum(ext4->fs);
    if (!code)
        code = ext2fs_close_free(&ext4->fs); /* flushes and syncs */
    return code ? pyro_ext4_failed(code, "completing", "it", error) : 0;
}

void pyro_ext4_finish(struct pyro_ext4 *ext4)
{
    if (ext4->fs)
        ext2fs_free(ext4->fs); /* unlike a close, writes nothing */
    ext4->fs = NULL;
    pyro_tree_finish(&ext4->tree);
}
