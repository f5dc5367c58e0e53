/* Hard links in an archive: other names of files that came before. */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/archive_source.h"
#include "workspace/show.h"

/* The node of a path, as far as that goes through directories. */
static struct pyro_node *find_node(const struct pyro_archive_source *self, const char *path)
{
    struct pyro_node *node = self->names.root;
    while (node && *path) {
        size_t length = strcspn(path, "/");
        node = node->type == PYRO_TREE_DIRECTORY ? pyro_tree_find(&self->names, node, path, length)
                                                 : NULL;
        path += length;
        path += *path == '/';
    }
    return node;
}

static int remember_link(struct pyro_archive_source *self, const struct pyro_node *file,
                         struct pyro_error *error)
{
    if (self->link_count == self->link_capacity) {
        uint32_t capacity = MAX(64, 2 * self->link_capacity);
        const struct pyro_node **larger = reallocarray(self->links, capacity, sizeof(*self->links));
        if (!larger)
            return pyro_error_no_memory(error);
        self->links = larger;
        self->link_capacity = capacity;
    }
    self->links[self->link_count++] = file;
    return 0;
}

int pyro_archive_resolve_link(struct pyro_archive_source *self, struct pyro_error *error)
{
    char *target = self->source.target;
    const char *given = archive_entry_hardlink(self->header);
    if (pyro_archive_clean_path(self, given, "a hard link to", target, error) < 0)
        return -1;
    const struct pyro_node *file = find_node(self, target);
    if (file && file->type == PYRO_TREE_LINK)
        file = self->links[file->inode];
    if (!file || file->type != PYRO_TREE_FILE) {
        pyro_source_refuse(&self->source, error,
                           "a hard link to %s, which is no file that comes before it",
                           pyro_show_path(given).text);
        return pyro_error_hint(error, "pack both in one archive, or unpack it and push the "
                                      "directory");
    }
    if (pyro_directories_path(&self->source.directories, file->parent->inode, file->name, target) <
        0)
        return pyro_error_set(error, PYRO_ERROR_INTERNAL, "a file's path grew");
    return remember_link(self, file, error);
}
