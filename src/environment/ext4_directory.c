/* Directories of the image: written once, at the end, each in blocks that need no moving around.
 * They are linear; the kernel makes an index when a guest lets one grow. */
#include "environment/ext4.h"

#include <string.h>

#include "base/macros.h"

/* The last bytes of each block hold its checksum. */
enum { USABLE = PYRO_EXT4_BLOCK - (int)sizeof(struct ext2_dir_entry_tail) };

struct directory_writer {
    ext2_filsys fs;
    ext2_ino_t number;
    struct ext2_inode_large inode;
    blk64_t block_count;
    size_t used;
    struct ext2_dir_entry *last;
    _Alignas(8) char block[PYRO_EXT4_BLOCK];
};

static errcode_t flush_block(struct directory_writer *writer)
{
    if (!writer->last)
        return 0;
    writer->last->rec_len = (uint16_t)(USABLE - (size_t)((char *)writer->last - writer->block));
    ext2fs_initialize_dirent_tail(writer->fs, EXT2_DIRENT_TAIL(writer->block, PYRO_EXT4_BLOCK));
    blk64_t place;
    errcode_t code = ext2fs_bmap2(writer->fs, writer->number, (struct ext2_inode *)&writer->inode,
                                  NULL, BMAP_ALLOC, writer->block_count, NULL, &place);
    if (!code)
        code = ext2fs_write_dir_block4(writer->fs, place, writer->block, 0, writer->number);
    writer->block_count++;
    writer->used = 0;
    writer->last = NULL;
    memset(writer->block, 0, sizeof(writer->block));
    return code;
}

static errcode_t put_entry(struct directory_writer *writer, ext2_ino_t inode, uint8_t type,
                           const char *name, size_t length)
{
    size_t need = EXT2_DIR_REC_LEN(length);
    errcode_t code = writer->used + need > USABLE ? flush_block(writer) : 0;
    if (code)
        return code;
    struct ext2_dir_entry *entry = (void *)(writer->block + writer->used);
    entry->inode = inode;
    entry->rec_len = (uint16_t)need;
    entry->name_len = (uint16_t)(length | type << 8);
    memcpy(entry->name, name, length);
    writer->used += need;
    writer->last = entry;
    return 0;
}

static errcode_t write_directory(ext2_filsys fs, const struct pyro_node *node)
{
    struct directory_writer writer = {.fs = fs, .number = node->inode};
    errcode_t code = ext2fs_read_inode_full(fs, node->inode, (struct ext2_inode *)&writer.inode,
                                            sizeof(writer.inode));
    uint32_t links = 2;
    if (!code)
        code = put_entry(&writer, node->inode, EXT2_FT_DIR, ".", 1);
    if (!code)
        code = put_entry(&writer, node->parent->inode, EXT2_FT_DIR, "..", 2);
    for (const struct pyro_node *child = node->first_child; !code && child;
         child = child->sibling) {
        links += child->type == EXT2_FT_DIR;
        code = put_entry(&writer, child->inode, child->type, child->name, child->name_length);
    }
    if (!code)
        code = flush_block(&writer);
    if (code)
        return code;
    writer.inode.i_links_count = links < EXT2_LINK_MAX ? (uint16_t)links : 1; /* dir_nlink */
    code = ext2fs_inode_size_set(fs, (struct ext2_inode *)&writer.inode,
                                 (ext2_off64_t)(writer.block_count * PYRO_EXT4_BLOCK));
    return code ? code
                : ext2fs_write_inode_full(fs, node->inode, (struct ext2_inode *)&writer.inode,
                                          sizeof(writer.inode));
}

int pyro_ext4_write_directories(struct pyro_ext4 *ext4, struct pyro_error *error)
{
    for (const struct pyro_node *node = ext4->tree.root; node; node = node->next) {
        if (node->type != EXT2_FT_DIR)
            continue;
        errcode_t code = write_directory(ext4->fs, node);
        if (code)
            return pyro_ext4_failed(code, "writing the directory", node->name, error);
    }
    return 0;
}
