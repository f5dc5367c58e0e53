/* What the header of an archive's entry says, and whether it can be. */
#include <string.h>

#include "workspace/archive_source.h"
#include "workspace/show.h"
#include "workspace/symlink.h"

int pyro_archive_clean_path(struct pyro_archive_source *self, const char *given, const char *what,
                            char ret_path[PYRO_TREE_PATH_MAX + 1], struct pyro_error *error)
{
    const char *problem = given && *given ? pyro_tar_clean_path(given, ret_path) : "no name";
    if (!problem)
        return 0;
    pyro_source_refuse(&self->source, error, "%s %s: %s", what,
                       pyro_show_path(given ? given : "").text, problem);
    return pyro_error_hint(error,
                           "pack the archive from within its directory (tar -C DIR -cf … .)");
}

static int find_kind(struct pyro_archive_source *self, struct pyro_error *error)
{
    enum pyro_tree_kind *kind = &self->entry.kind;
    mode_t type = archive_entry_filetype(self->header);
    if (archive_entry_hardlink(self->header))
        *kind = PYRO_TREE_LINK;
    else if (type == AE_IFREG)
        *kind = PYRO_TREE_FILE;
    else if (type == AE_IFDIR)
        *kind = PYRO_TREE_DIRECTORY;
    else if (type == AE_IFLNK)
        *kind = PYRO_TREE_SYMLINK;
    else
        return pyro_source_refuse(&self->source, error, "%s, which cannot be pushed",
                                  type == AE_IFIFO ? "a pipe" : "a device");
    return 0;
}

static int find_mode(struct pyro_archive_source *self, struct pyro_error *error)
{
    mode_t mode = archive_entry_perm(self->header);
    if (self->entry.kind != PYRO_TREE_SYMLINK && (mode & (S_ISUID | S_ISGID))) {
        pyro_source_refuse(&self->source, error, "it has a set-user-ID or set-group-ID bit");
        return pyro_error_hint(error, "pack it without (tar --mode=ug-s), or unpack the archive "
                                      "and push the directory");
    }
    self->entry.mode = mode & PYRO_TREE_MODE_MASK;
    return 0;
}

static int find_size(struct pyro_archive_source *self, struct pyro_error *error)
{
    int64_t size = archive_entry_size(self->header);
    if (size < 0)
        return pyro_source_refuse(&self->source, error, "it has an impossible size");
    self->entry.size = self->entry.kind == PYRO_TREE_FILE ? (uint64_t)size : 0;
    return 0;
}

static int find_symlink_target(struct pyro_archive_source *self, struct pyro_error *error)
{
    const char *target = archive_entry_symlink(self->header);
    size_t length = target ? strlen(target) : 0;
    if (length == 0 || length > PYRO_TREE_PATH_MAX)
        return pyro_source_refuse(&self->source, error, "a symlink whose target is %s",
                                  length ? "longer than 4095 bytes" : "empty");
    if (pyro_symlink_lead(self->path, target) >= PYRO_LEAD_ABSOLUTE) {
        pyro_source_refuse(&self->source, error, "a symlink that leads out of the archive, to %s",
                           pyro_show_path(target).text);
        return pyro_error_hint(error, "leave it out, or unpack the archive and push the directory");
    }
    memcpy(self->source.target, target, length + 1);
    return 0;
}

int pyro_archive_take_header(struct pyro_archive_source *self, struct pyro_error *error)
{
    *self->source.target = '\0';
    if (pyro_archive_clean_path(self, archive_entry_pathname(self->header), "an entry", self->path,
                                error) < 0)
        return -1;
    strcpy(self->source.path, self->path);
    self->entry = (struct pyro_tree_entry){
        .path = self->source.path,
        .target = self->source.target,
        .mtime_ns = pyro_source_time_ns(archive_entry_mtime(self->header),
                                        archive_entry_mtime_nsec(self->header)),
    };
    if (find_kind(self, error) < 0 || find_mode(self, error) < 0 || find_size(self, error) < 0)
        return -1;
    if (self->entry.kind == PYRO_TREE_SYMLINK && find_symlink_target(self, error) < 0)
        return -1;
    if (*self->path == '\0' && self->entry.kind != PYRO_TREE_DIRECTORY)
        return pyro_source_refuse(&self->source, error, "its root is no directory");
    self->is_pending = *self->path != '\0'; /* the root is there already */
    self->parent = self->names.root;
    self->walked = 0;
    return 0;
}
