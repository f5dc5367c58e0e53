/* Writing an ext4 file system into a file with libext2fs: no mount, no root, right owners.
 *
 * The geometry is fixed (4 KiB blocks, 8192 inodes in a group) and the layout is made so that a
 * guest can grow it online. ext4.c makes and closes the file system, ext4_entry.c adds files to it,
 * and ext4_directory.c writes the directories at the end, when all their names are known.
 */
#ifndef PYRO_ENVIRONMENT_EXT4_H
#define PYRO_ENVIRONMENT_EXT4_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "base/error.h"
#include "environment/tree.h"

enum {
    PYRO_EXT4_BLOCK = 4096,
};

struct pyro_ext4 {
    ext2_filsys fs;
    struct pyro_tree tree;
};

/* What an inode says besides its data. */
struct pyro_ext4_attributes {
    uint16_t mode; /* type and permissions */
    uint32_t uid, gid;
    int64_t mtime;
    uint32_t mtime_ns;
    uint32_t device_major, device_minor; /* of a device node */
};

/* A file that is being written. */
struct pyro_ext4_file {
    ext2_file_t handle;
    uint64_t size_bytes;
};

/* Makes the file and in it a file system with room for `content_blocks` blocks of files and
 * directories and for `inodes` inodes. */
int pyro_ext4_create(struct pyro_ext4 *ext4, const char *path, uint64_t content_blocks,
                     uint64_t inodes, struct pyro_error *error);

/* Writes what is still in memory and syncs the file. To be followed by pyro_ext4_finish(). */
int pyro_ext4_complete(struct pyro_ext4 *ext4, struct pyro_error *error);

/* Gives up what is left of it. Safe at any time after a create, also a failed one. */
void pyro_ext4_finish(struct pyro_ext4 *ext4);

/* The first thing added: the root directory, with an empty tree below it. */
int pyro_ext4_add_root(struct pyro_ext4 *ext4, const struct pyro_ext4_attributes *attributes,
                       struct pyro_error *error);

/* Adds an inode under a name; `target` is a symlink's, else NULL. */
int pyro_ext4_add(struct pyro_ext4 *ext4, struct pyro_node *parent, const char *name, size_t length,
                  const struct pyro_ext4_attributes *attributes, const char *target,
                  struct pyro_node **ret_node, struct pyro_error *error);

/* Adds another name for an inode that is not a directory. */
int pyro_ext4_add_link(struct pyro_ext4 *ext4, struct pyro_node *parent, const char *name,
                       size_t length, const struct pyro_node *target, struct pyro_error *error);

/* Replaces the attributes of a directory that is there already. */
int pyro_ext4_set_attributes(struct pyro_ext4 *ext4, const struct pyro_node *node,
                             const struct pyro_ext4_attributes *attributes,
                             struct pyro_error *error);

/* Sets an extended attribute by its full name, as in "security.capability". */
int pyro_ext4_set_xattr(struct pyro_ext4 *ext4, const struct pyro_node *node, const char *name,
                        const void *value, size_t size, struct pyro_error *error);

/* The data of a regular file: open, any number of runs in ascending order, close. What lies between
 * runs stays a hole. Close is called also when a write failed. */
int pyro_ext4_file_open(struct pyro_ext4 *ext4, const struct pyro_node *node, uint64_t size_bytes,
                        struct pyro_ext4_file *ret_file, struct pyro_error *error);
int pyro_ext4_file_write(struct pyro_ext4_file *file, const void *bytes, size_t size,
                         uint64_t offset, struct pyro_error *error);
int pyro_ext4_file_close(struct pyro_ext4_file *file, struct pyro_error *error);

/* For the parts of the writer: turns what libext2fs returned into an error. */
int pyro_ext4_failed(errcode_t code, const char *what, const char *name, struct pyro_error *error);

/* Writes every directory of the tree. */
int pyro_ext4_write_directories(struct pyro_ext4 *ext4, struct pyro_error *error);

#endif
