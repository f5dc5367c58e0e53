/* A directory of the host as a source: walked depth first, each directory sorted by name. Nothing
 * is followed below the root, and whatever the depth, three descriptors are open at most. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "workspace/host_file.h"
#include "workspace/listing.h"
#include "workspace/source_kind.h"

/* A directory on the way from the root to where the walk is. */
struct level {
    struct pyro_listing listing;
    size_t next;        /* in `listing` */
    size_t path_length; /* of its path */
    uint32_t index;     /* in the source's directories */
    dev_t device;
    ino_t inode;
};

/* The first name of a file that has several. */
struct first_name {
    dev_t device;
    ino_t inode;
    uint32_t directory;
    char name[];
};

struct directory_source {
    struct pyro_tree_source source;
    int directory; /* of the last level */
    struct level *levels;
    size_t depth, capacity;
    void *first_names;          /* tsearch(3) */
    size_t listed;              /* names in all listings so far */
    struct pyro_host_file file; /* that is being read */
};

/* What is there is not what was there a moment ago. */
static bool means_changed(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == ESTALE ||
           errnum == ENXIO || errnum == ENODEV;
}

static int failed(struct directory_source *self, int errnum, struct pyro_error *error)
{
    if (errnum == ENOMEM)
        return pyro_error_no_memory(error);
    return means_changed(errnum) ? pyro_source_changed(&self->source, error)
                                 : pyro_source_unreadable(&self->source, errnum, error);
}

static bool is_same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

/* ---- levels ---- */

static struct level *add_level(struct directory_source *self)
{
    if (self->depth == self->capacity) {
        size_t capacity = MAX(16, 2 * self->capacity);
        struct level *larger = reallocarray(self->levels, capacity, sizeof(*larger));
        if (!larger)
            return NULL;
        self->levels = larger;
        self->capacity = capacity;
    }
    return &self->levels[self->depth++];
}

static int list(struct directory_source *self, int fd, struct pyro_listing *ret_listing,
                struct pyro_error *error)
{
    int r = pyro_listing_read(fd, PYRO_SOURCE_ENTRIES_MAX - self->listed, ret_listing);
    if (r == -EOVERFLOW)
        return pyro_source_too_much(&self->source, "1000000 entries", error);
    if (r < 0)
        return failed(self, -r, error);
    self->listed += ret_listing->count;
    return 0;
}

/* Goes on in the directory `fd`, which is taken over. */
static int enter(struct directory_source *self, int fd, const struct stat *status, uint32_t index,
                 struct pyro_error *error)
{
    cleanup_close int directory = fd;
    struct pyro_listing listing;
    if (list(self, fd, &listing, error) < 0)
        return -1;
    /* Nothing to do there. It may also be one that cannot be left again by its "..". */
    if (listing.count == 0 && self->depth > 0)
        return 0;
    struct level *level = add_level(self);
    if (!level) {
        pyro_listing_finish(&listing);
        return pyro_error_no_memory(error);
    }
    *level = (struct level){
        .listing = listing,
        .path_length = strlen(self->source.path),
        .index = index,
        .device = status->st_dev,
        .inode = status->st_ino,
    };
    if (self->directory >= 0)
        close(self->directory);
    self->directory = steal_fd(&directory);
    return 0;
}

/* Back to the directory around this one, which must still be the one that we came from. */
static int leave(struct directory_source *self, struct pyro_error *error)
{
    struct level *level = &self->levels[--self->depth];
    const struct level *around = level - 1;
    pyro_listing_finish(&level->listing);
    cleanup_close int fd = openat(self->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return failed(self, errno, error);
    self->source.path[level->path_length] = '\0';
    if (status.st_dev != around->device || status.st_ino != around->inode)
        return pyro_source_changed(&self->source, error);
    close(self->directory);
    self->directory = steal_fd(&fd);
    return 0;
}

/* ---- one entry ---- */

static void fill_entry(struct directory_source *self, const struct stat *status,
                       enum pyro_tree_kind kind, struct pyro_tree_record *record)
{
    record->type = PYRO_TREE_ENTRY;
    record->entry = (struct pyro_tree_entry){
        .kind = kind,
        .mode = status->st_mode & PYRO_TREE_MODE_MASK,
        .size = kind == PYRO_TREE_FILE ? (uint64_t)status->st_size : 0,
        .mtime_ns = pyro_source_time_ns(status->st_mtim.tv_sec, status->st_mtim.tv_nsec),
        .path = self->source.path,
        .target = self->source.target,
    };
}

/* Opens a name that was looked at: never a device or a pipe, unless somebody puts one there in this
 * very moment, and then it does not hold us up. */
static int open_seen(struct directory_source *self, const char *name, int flags,
                     const struct stat *seen, struct stat *ret_status, struct pyro_error *error)
{
    cleanup_close int fd = openat(
        self->directory, name, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return failed(self, errno, error);
    if (!is_same_inode(seen, ret_status))
        return pyro_source_changed(&self->source, error);
    return steal_fd(&fd);
}

static int take_directory(struct directory_source *self, const char *name, const struct stat *seen,
                          struct pyro_tree_record *record, struct pyro_error *error)
{
    struct pyro_directories *directories = &self->source.directories;
    struct stat status;
    uint32_t index;
    cleanup_close int fd = open_seen(self, name, O_DIRECTORY, seen, &status, error);
    if (fd < 0)
        return -1;
    if (pyro_directories_add(directories, self->levels[self->depth - 1].index, name, &index) < 0)
        return pyro_error_no_memory(error);
    fill_entry(self, &status, PYRO_TREE_DIRECTORY, record);
    directories->items[index].mode = record->entry.mode;
    directories->items[index].mtime_ns = record->entry.mtime_ns;
    return enter(self, steal_fd(&fd), &status, index, error) < 0 ? -1 : 1;
}

static int take_symlink(struct directory_source *self, const char *name, const struct stat *seen,
                        struct pyro_tree_record *record, struct pyro_error *error)
{
    char *target = self->source.target;
    ssize_t length = readlinkat(self->directory, name, target, PYRO_TREE_PATH_MAX + 1);
    if (length < 0 && errno == EINVAL) /* no symlink any more */
        return pyro_source_changed(&self->source, error);
    if (length < 0)
        return failed(self, errno, error);
    if (length == 0 || length > PYRO_TREE_PATH_MAX)
        return pyro_source_refuse(&self->source, error, "a symlink whose target is %s",
                                  length ? "longer than 4095 bytes" : "empty");
    target[length] = '\0';
    fill_entry(self, seen, PYRO_TREE_SYMLINK, record);
    return 1;
}

static int compare_first_names(const void *a, const void *b)
{
    const struct first_name *one = a, *other = b;
    if (one->device != other->device)
        return one->device < other->device ? -1 : 1;
    return one->inode < other->inode ? -1 : one->inode > other->inode;
}

/* The name under which a file with several names came before, this one if it did not; NULL when out
 * of memory. */
static const struct first_name *first_name_of(struct directory_source *self, const char *name,
                                              const struct stat *status)
{
    size_t size = strlen(name) + 1;
    struct first_name *mine = malloc(sizeof(*mine) + size);
    if (!mine)
        return NULL;
    *mine = (struct first_name){.device = status->st_dev,
                                .inode = status->st_ino,
                                .directory = self->levels[self->depth - 1].index};
    memcpy(mine->name, name, size);
    struct first_name **found = tsearch(mine, &self->first_names, compare_first_names);
    if (!found || *found != mine)
        free(mine);
    return found ? *found : NULL;
}

/* Writes the first name of a file to `target`, or "" when this is the first one. */
static int find_link(struct directory_source *self, const char *name, const struct stat *status,
                     struct pyro_error *error)
{
    struct pyro_tree_source *source = &self->source;
    if (status->st_nlink < 2)
        return 0;
    const struct first_name *first = first_name_of(self, name, status);
    if (!first)
        return pyro_error_no_memory(error);
    pyro_directories_path(&source->directories, first->directory, first->name, source->target);
    if (strcmp(source->target, source->path) == 0)
        *source->target = '\0';
    return 0;
}

static int take_file(struct directory_source *self, const char *name, const struct stat *seen,
                     struct pyro_tree_record *record, struct pyro_error *error)
{
    struct stat status;
    cleanup_close int fd = open_seen(self, name, 0, seen, &status, error);
    if (fd < 0)
        return -1;
    if (status.st_mode & (S_ISUID | S_ISGID)) {
        pyro_source_refuse(&self->source, error, "a file with a set-user-ID or set-group-ID bit");
        return pyro_error_hint(error, "take the bit away (chmod ug-s), or move the file elsewhere");
    }
    if (find_link(self, name, &status, error) < 0)
        return -1;
    bool is_link = *self->source.target != '\0';
    fill_entry(self, &status, is_link ? PYRO_TREE_LINK : PYRO_TREE_FILE, record);
    if (!is_link)
        pyro_host_file_begin(&self->file, steal_fd(&fd), &status);
    return 1;
}

static int refuse_special(struct directory_source *self, mode_t mode, struct pyro_error *error)
{
    const char *what = S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
    pyro_source_refuse(&self->source, error, "%s, which cannot be pushed", what);
    return pyro_error_hint(error, "move it out of the directory, or push a part of it");
}

/* Appends the name to the path of its directory. */
static int set_path(struct directory_source *self, size_t length, const char *name,
                    struct pyro_error *error)
{
    char *path = self->source.path;
    size_t slash = length > 0, name_length = strlen(name);
    if (length + slash + name_length > PYRO_TREE_PATH_MAX || name_length > PYRO_TREE_NAME_MAX) {
        path[length] = '\0';
        return pyro_source_refuse(
            &self->source, error,
            "the name of something in it, %.64s…, makes a path that is longer "
            "than %d bytes",
            name, PYRO_TREE_PATH_MAX);
    }
    if (slash)
        path[length] = '/';
    memcpy(path + length + slash, name, name_length + 1);
    return 0;
}

/* 1; 0: it is left out. */
static int take_entry(struct directory_source *self, struct pyro_tree_record *record,
                      struct pyro_error *error)
{
    struct level *level = &self->levels[self->depth - 1];
    const char *name = level->listing.names[level->next++];
    struct stat status;
    *self->source.target = '\0';
    if (set_path(self, level->path_length, name, error) < 0)
        return -1;
    if (pyro_source_leaves_out(&self->source, name))
        return 0;
    if (fstatat(self->directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(self, errno, error);
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        return take_directory(self, name, &status, record, error);
    case S_IFREG:
        return take_file(self, name, &status, record, error);
    case S_IFLNK:
        return take_symlink(self, name, &status, record, error);
    default:
        return refuse_special(self, status.st_mode, error);
    }
}

/* ---- a file's data ---- */

static int take_data(struct directory_source *self, struct pyro_tree_record *record,
                     struct pyro_error *error)
{
    uint64_t offset;
    long got = pyro_host_file_read(&self->file, &offset);
    if (got > 0) {
        record->type = PYRO_TREE_DATA;
        record->data = (struct pyro_tree_data){
            .offset = offset, .bytes = self->file.bytes, .size = (uint32_t)got};
        return 1;
    }
    int r = got < 0 ? (int)got : pyro_host_file_check(&self->file);
    pyro_host_file_close(&self->file);
    if (r < 0)
        return failed(self, -r, error);
    record->type = PYRO_TREE_DONE;
    return 1;
}

/* ---- the kind ---- */

static int next(struct pyro_tree_source *source, struct pyro_tree_record *record,
                struct pyro_error *error)
{
    struct directory_source *self = (struct directory_source *)source;
    if (self->file.fd >= 0)
        return take_data(self, record, error);
    for (;;) {
        const struct level *level = &self->levels[self->depth - 1];
        int r = 0;
        if (level->next < level->listing.count)
            r = take_entry(self, record, error);
        else if (self->depth == 1)
            return 0;
        else
            r = leave(self, error);
        if (r != 0)
            return r;
    }
}

static void finish(struct pyro_tree_source *source)
{
    struct directory_source *self = (struct directory_source *)source;
    while (self->depth > 0)
        pyro_listing_finish(&self->levels[--self->depth].listing);
    free(self->levels);
    tdestroy(self->first_names, free);
    pyro_host_file_close(&self->file);
    if (self->directory >= 0)
        close(self->directory);
}

static const struct pyro_tree_source_kind directory_kind = {
    .mode = "directory", .next = next, .finish = finish};

int pyro_source_directory_open(int fd, const char *given, const char *field,
                               struct pyro_tree_source **ret_source, struct pyro_error *error)
{
    cleanup_close int root = fd;
    struct stat status;
    struct directory_source *self = calloc(1, sizeof(*self));
    if (!self)
        return pyro_error_no_memory(error);
    self->directory = self->file.fd = -1;
    int r = pyro_source_init(&self->source, &directory_kind, given, field, error);
    if (r == 0 && fstat(root, &status) < 0)
        r = failed(self, errno, error);
    if (r == 0)
        r = enter(self, steal_fd(&root), &status, PYRO_DIRECTORY_ROOT, error);
    if (r < 0)
        pyro_tree_source_close(&self->source);
    else
        *ret_source = &self->source;
    return r;
}
