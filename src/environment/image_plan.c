#include "environment/image_plan.h"

#include <string.h>
#include <sys/stat.h>

#include "environment/ext4.h"
#include "environment/image.h"
#include "environment/tarball.h"

enum {
    EXTENTS_PER_BLOCK = 340,
    SPARE_INODE_BYTES = 90,     /* what an inode has left for extended attributes */
    DIRECTORY_ENTRY_BYTES = 12, /* besides the name, rounding included */
};

/* Beyond this, the files leave a guest no room on its disk. */
static const uint64_t content_max_blocks = ((uint64_t)12 << 30) / PYRO_EXT4_BLOCK;

static uint64_t blocks_of(uint64_t size)
{
    return (size + PYRO_EXT4_BLOCK - 1) / PYRO_EXT4_BLOCK;
}

static uint64_t data_blocks(struct archive_entry *entry)
{
    int64_t offset, length;
    uint64_t blocks = 0, runs = 0;
    archive_entry_sparse_reset(entry);
    while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK) {
        blocks += length > 0 ? blocks_of((uint64_t)length) + 1 : 0;
        runs++;
    }
    if (runs == 0)
        blocks = blocks_of((uint64_t)archive_entry_size(entry));
    return blocks + 2 * runs / EXTENTS_PER_BLOCK + blocks / EXTENTS_PER_BLOCK;
}

static uint64_t attribute_blocks(struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t size, total = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        total += strlen(name) + size + 16;
    return total > SPARE_INODE_BYTES;
}

int pyro_image_plan_make(int tar_fd, struct pyro_image_plan *ret_plan, struct pyro_error *error)
{
    struct pyro_tarball tarball;
    struct pyro_image_plan plan = {0};
    uint64_t entry_bytes = 0;
    if (pyro_tarball_open(&tarball, tar_fd, error) < 0)
        return -1;
    int r;
    while ((r = pyro_tarball_next(&tarball, error)) > 0) {
        if (pyro_image_leaves_out(tarball.path))
            continue;
        plan.inodes++;
        plan.blocks += attribute_blocks(tarball.entry);
        entry_bytes += DIRECTORY_ENTRY_BYTES + strlen(tarball.path);
        mode_t type = archive_entry_filetype(tarball.entry);
        if (!archive_entry_hardlink(tarball.entry))
            plan.blocks += type == AE_IFREG ? data_blocks(tarball.entry) : type != AE_IFIFO;
        if (plan.blocks > content_max_blocks || plan.inodes > PYRO_TREE_MAX) {
            r = pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                               "writing the disk image: the archive holds more than fits a disk");
            break;
        }
    }
    pyro_tarball_finish(&tarball);
    plan.blocks += 2 * blocks_of(entry_bytes);
    *ret_plan = plan;
    return r;
}
