/* An archive under way. Only for the archive module and its tests. */
#ifndef PYRO_WORKSPACE_ARCHIVE_SOURCE_H
#define PYRO_WORKSPACE_ARCHIVE_SOURCE_H

#include <sys/stat.h>

#include "environment/tar.h"
#include "environment/tree.h"
#include "workspace/archive_stream.h"
#include "workspace/source_kind.h"

struct pyro_archive_source {
    struct pyro_tree_source source;
    int fd;
    struct stat status; /* when it was opened */
    struct pyro_archive_stream stream;
    struct archive *archive;
    struct archive_entry *header;
    /* All names so far. A node's type is an enum pyro_tree_kind; the inode of a directory is its
     * index in the source's directories, that of a hard link its index in `links`. */
    struct pyro_tree names;
    const struct pyro_node **links; /* to which files */
    uint32_t link_count, link_capacity;
    /* The entry of the header, which waits for the directories around it to be handed out: */
    bool is_pending;
    struct pyro_tree_entry entry;
    char path[PYRO_TREE_PATH_MAX + 1];
    size_t walked; /* of `path`: the part that leads to `parent`, with its '/' */
    struct pyro_node *parent;
    /* The file that is being read: */
    bool is_in_file;
    const uint8_t *run; /* not handed out yet */
    size_t run_size;
    uint64_t offset, file_size;
};

/* Takes what the header says as the pending entry, when it can be pushed. The root of the archive,
 * which is there anyway, does not become pending. 0, or -1 and an error. */
int pyro_archive_take_header(struct pyro_archive_source *self, struct pyro_error *error);

/* Finds the file that the pending hard link is another name of, among the names so far. Its target
 * becomes the path under which the file came first. 0, or -1 and an error. */
int pyro_archive_resolve_link(struct pyro_archive_source *self, struct pyro_error *error);

/* Brings a name that the archive gives into its one plain form. `what` is for the error, which
 * refuses "WHAT 'NAME'". */
int pyro_archive_clean_path(struct pyro_archive_source *self, const char *given, const char *what,
                            char ret_path[PYRO_TREE_PATH_MAX + 1], struct pyro_error *error);

#endif
