/* "receive": a tree comes in by stdin. Into a workspace that is being created as fast as it goes;
 * into one that is in use so that its processes never see half of a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tree.h"
#include "guest/tree_make.h"
#include "guest/tree_path.h"
#include "guest/tree_stream.h"
#include "guest/tree_window.h"

struct receiver {
    struct pyro_tree_input in;
    struct pyro_tree_output out;
    struct pyro_tree_parent parent;
    struct pyro_tree_file file;        /* under way: only DATA and DONE may come */
    char path[PYRO_TREE_PATH_MAX + 1]; /* its path, for messages */
    bool merge;
    bool wants_memory; /* the host asked for a window and was not answered yet */
    struct pyro_tree_memory memory;
};

/* Puts the last RESULT. */
static int fail(struct receiver *receiver, const char *path, int error)
{
    pyro_tree_put_result(&receiver->out, &(struct pyro_tree_result){.error = (uint32_t)error});
    return pyro_own_say("cannot write %s: %s", *path ? path : ".",
                        error == ESTALE ? "it changed while it was read" : strerror(error));
}

static int fail_malformed(void)
{
    return pyro_tree_input_fail(-EPROTO);
}

static int succeed(struct receiver *receiver, const struct stat *status)
{
    struct pyro_tree_result result = {.inode = status->st_ino,
                                      .ctime_ns = pyro_tree_time_ns(&status->st_ctim)};
    return pyro_tree_put_result(&receiver->out, &result);
}

static int make_link(struct receiver *receiver, const struct pyro_tree_place *place,
                     const struct pyro_tree_entry *entry)
{
    struct pyro_tree_parent *parent = &receiver->parent;
    size_t length;
    char path[PYRO_TREE_PATH_MAX + 1];
    const char *name = pyro_tree_split(entry->target, &length);
    *(char *)mempcpy(path, entry->target, length) = '\0';
    int directory = pyro_tree_open_directory(parent->root, path, PYRO_TREE_REFUSE_SYMLINKS);
    if (directory < 0)
        return directory;
    int r = pyro_tree_make_link(place, directory, name);
    close(directory);
    return r;
}

/* Makes what an entry is about; of a file only the beginning. 0 or a negative errno. */
static int make(struct receiver *receiver, const struct pyro_tree_place *place,
                const struct pyro_tree_entry *entry)
{
    switch (entry->kind) {
    case PYRO_TREE_DIRECTORY:
        return pyro_tree_make_directory(place, entry->mode);
    case PYRO_TREE_SYMLINK:
        return pyro_tree_make_symlink(place, entry->target, entry->mtime_ns);
    case PYRO_TREE_LINK:
        return make_link(receiver, place, entry);
    default:
        return pyro_tree_file_begin(&receiver->file, place, entry);
    }
}

/* The root of the tree is there; it can be nothing but a directory. */
static int take_root(struct receiver *receiver, const struct pyro_tree_entry *entry)
{
    struct stat status;
    if (entry->kind != PYRO_TREE_DIRECTORY)
        return fail(receiver, "", EISDIR);
    if (fstat(receiver->parent.root, &status) < 0)
        return fail(receiver, "", errno);
    return succeed(receiver, &status);
}

/* With the first large file, and never again. */
static int offer_memory(struct receiver *receiver)
{
    if (!receiver->wants_memory)
        return 0;
    receiver->wants_memory = false;
    pyro_tree_memory_open(&receiver->memory);
    pyro_tree_put_window(&receiver->out, &receiver->memory.window);
    return pyro_tree_output_flush(&receiver->out);
}

static int take_entry(struct receiver *receiver, const struct pyro_tree_entry *entry)
{
    struct stat status;
    struct pyro_tree_place place = {.merge = receiver->merge};
    if (receiver->file.fd >= 0 || entry->kind > PYRO_TREE_LINK)
        return fail_malformed();
    if (!*entry->path)
        return take_root(receiver, entry);
    place.directory = pyro_tree_parent_of(&receiver->parent, entry->path, &place.name);
    int r = place.directory < 0 ? place.directory : make(receiver, &place, entry);
    if (r < 0)
        return fail(receiver, entry->path, -r);
    if (entry->kind == PYRO_TREE_FILE) {
        strcpy(receiver->path, entry->path);
        receiver->in.piecemeal = receiver->file.content.large;
        return receiver->file.content.large ? offer_memory(receiver) : 0;
    }
    if (fstatat(place.directory, place.name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(receiver, entry->path, errno);
    return succeed(receiver, &status);
}

static int take_data(struct receiver *receiver, const struct pyro_tree_data *data)
{
    struct pyro_tree_file *file = &receiver->file;
    int r = file->fd < 0 ? -EPROTO : pyro_tree_content_write(&file->content, data, &receiver->in);
    if (r == -EPROTO || r == -ENODATA)
        return pyro_tree_input_fail(r);
    return r < 0 ? fail(receiver, receiver->path, -r) : 0;
}

static int take_placed(struct receiver *receiver, const struct pyro_tree_placed *placed)
{
    struct pyro_tree_file *file = &receiver->file;
    uint32_t most;
    const uint8_t *bytes = pyro_tree_memory_next(&receiver->memory, &most);
    if (file->fd < 0 || !bytes || placed->size > most)
        return fail_malformed();
    int r = pyro_tree_content_place(&file->content, placed->offset, bytes, placed->size);
    if (r == -EPROTO)
        return fail_malformed();
    if (r < 0)
        return fail(receiver, receiver->path, -r);
    pyro_tree_put_taken(&receiver->out);
    return pyro_tree_output_flush(&receiver->out);
}

static int take_done(struct receiver *receiver, uint32_t error)
{
    struct stat status;
    if (receiver->file.fd < 0)
        return fail_malformed();
    receiver->in.piecemeal = false;
    if (error != 0) /* the sender could not read it as a whole */
        return fail(receiver, receiver->path, (int)MIN(error, (uint32_t)INT32_MAX));
    int r = pyro_tree_file_end(&receiver->file, &status);
    return r < 0 ? fail(receiver, receiver->path, -r) : succeed(receiver, &status);
}

static int open_itself(struct receiver *receiver, const char *path)
{
    const char *name = ".";
    int directory =
        *path ? pyro_tree_parent_of(&receiver->parent, path, &name) : receiver->parent.root;
    if (directory < 0)
        return directory;
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int take_times(struct receiver *receiver, const struct pyro_tree_times *times)
{
    struct timespec mtime[2];
    if (receiver->file.fd >= 0)
        return fail_malformed();
    cleanup_close int fd = open_itself(receiver, times->path);
    int r = MIN(fd, 0);
    pyro_tree_mtime(times->mtime_ns, mtime);
    if (r == 0 && (fchmod(fd, times->mode) < 0 || futimens(fd, mtime) < 0))
        r = -errno;
    return r < 0 ? pyro_own_say("cannot set the mode of %s: %s", *times->path ? times->path : ".",
                                strerror(-r))
                 : 0;
}

/* 1 at the end of the tree, 0, or -1 after the line on stderr. */
static int take(struct receiver *receiver, const struct pyro_tree_record *record)
{
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        return take_entry(receiver, &record->entry);
    case PYRO_TREE_DATA:
        return take_data(receiver, &record->data);
    case PYRO_TREE_PLACED:
        return take_placed(receiver, &record->placed);
    case PYRO_TREE_DONE:
        return take_done(receiver, record->done);
    case PYRO_TREE_TIMES:
        return take_times(receiver, &record->times);
    case PYRO_TREE_END:
        return receiver->file.fd < 0 ? 1 : fail_malformed();
    default:
        return fail_malformed();
    }
}

static int take_all(struct receiver *receiver)
{
    struct pyro_tree_record record;
    int r = 0;
    while (r == 0) {
        r = pyro_tree_input_next(&receiver->in, &record);
        if (r == 0)
            r = take(receiver, &record);
    }
    pyro_tree_file_drop(&receiver->file);
    if (r > 0 || receiver->out.error < 0)
        return pyro_tree_output_close(&receiver->out);
    pyro_tree_output_flush(&receiver->out);
    return -1;
}

/* Opens the root of the workspace, which is made if it is missing. */
static int open_root(const char *root)
{
    char path[PYRO_TREE_PATH_MAX + 1];
    if (*root != '/' || strlen(root) > PYRO_TREE_PATH_MAX)
        return -EINVAL;
    strcpy(path, root);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0755);
        *at = '/';
    }
    mkdir(path, 0755);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens a directory below the root, with each component made that is missing. */
static int open_destination(int root, const char *path)
{
    char prefix[PYRO_TREE_PATH_MAX + 1] = "";
    int fd = pyro_tree_open_directory(root, path, PYRO_TREE_STAY_BENEATH);
    if (fd != -ENOENT)
        return fd;
    fd = dup(root);
    for (size_t length = 0; fd >= 0 && path[length]; length += path[length] == '/') {
        size_t size = strcspn(path + length, "/");
        memcpy(prefix, path, length + size);
        mkdirat(fd, prefix + length, 0755); /* opening it tells what is wrong */
        close(fd);
        length += size;
        fd = pyro_tree_open_directory(root, prefix, PYRO_TREE_STAY_BENEATH);
        prefix[length] = '/';
    }
    return fd;
}

static int receive_below(struct receiver *receiver, const char *root_path, const char *path)
{
    cleanup_close int root = open_root(root_path);
    if (root < 0)
        return pyro_own_say("cannot open %s: %s", root_path, strerror(-root));
    cleanup_close int destination = open_destination(root, path);
    if (destination < 0)
        return pyro_own_say("cannot open %s in %s: %s", path, root_path,
                            destination == -EXDEV ? "it leads outside" : strerror(-destination));
    pyro_tree_parent_init(&receiver->parent, destination);
    int r = take_all(receiver);
    pyro_tree_parent_finish(&receiver->parent);
    return r;
}

int pyro_tree_receive(char *const *words)
{
    static struct receiver receiver;
    umask(0);
    receiver.file.fd = -1;
    receiver.merge = strcmp(words[2], "merge") == 0;
    receiver.wants_memory = words[3] != NULL;
    if (!receiver.merge && strcmp(words[2], "new") != 0)
        return pyro_own_say("there is no mode %s to receive in", words[2]);
    if (words[3] && strcmp(words[3], "window") != 0)
        return pyro_own_say("there is no way %s to receive by", words[3]);
    if (!pyro_tree_path_is_safe(words[1]))
        return pyro_own_say("%s is not a path below %s", words[1], words[0]);
    int r = pyro_tree_input_init(&receiver.in);
    if (r == 0)
        r = pyro_tree_output_init(&receiver.out);
    r = r < 0 ? pyro_own_say("out of memory") : receive_below(&receiver, words[0], words[1]);
    pyro_tree_input_finish(&receiver.in);
    pyro_tree_output_finish(&receiver.out);
    return r;
}
