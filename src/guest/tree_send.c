/* "list", "send" and "fetch": a tree, a part of it, or some of its files go out by stdout. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tree.h"
#include "guest/tree_path.h"
#include "guest/tree_stream.h"
#include "guest/tree_walk.h"

/* The ENTRY of something. `target` has room for any symlink's. False when it is gone. */
static bool describe(const struct pyro_tree_found *found, char target[PYRO_TREE_PATH_MAX + 1],
                     struct pyro_tree_entry *ret_entry)
{
    const struct stat *status = found->status;
    *ret_entry = (struct pyro_tree_entry){
        .kind = found->kind,
        .mode = status->st_mode & PYRO_TREE_MODE_MASK,
        .size = found->kind == PYRO_TREE_FILE ? (uint64_t)status->st_size : 0,
        .mtime_ns = pyro_tree_time_ns(&status->st_mtim),
        .ctime_ns = pyro_tree_time_ns(&status->st_ctim),
        .inode = status->st_ino,
        .path = found->path,
        .target = "",
    };
    if (found->kind != PYRO_TREE_SYMLINK)
        return true;
    ssize_t length = readlinkat(found->directory, found->name, target, PYRO_TREE_PATH_MAX);
    target[MAX(length, 0)] = '\0';
    ret_entry->target = target;
    return length > 0;
}

static int list_one(void *userdata, const struct pyro_tree_found *found)
{
    char target[PYRO_TREE_PATH_MAX + 1];
    struct pyro_tree_entry entry;
    return describe(found, target, &entry) ? pyro_tree_put_entry(userdata, &entry) : 0;
}

/* With the content of a file, unless that is larger than `most`. 0, 1 when it is gone (then nothing
 * was put), or the output's error. */
static int send_with_content(struct pyro_tree_output *out, const struct pyro_tree_found *found,
                             uint64_t most)
{
    char target[PYRO_TREE_PATH_MAX + 1];
    struct pyro_tree_entry entry;
    cleanup_close int fd = -1;
    int error = 0;
    if (!describe(found, target, &entry))
        return 1;
    if (found->kind != PYRO_TREE_FILE)
        return pyro_tree_put_entry(out, &entry);
    if (entry.size > most)
        error = EFBIG;
    else if ((fd = openat(found->directory, found->name,
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0)
        error = errno;
    if (error == ENOENT)
        return 1;
    pyro_tree_put_entry(out, &entry);
    return error ? pyro_tree_put_done(out, (uint32_t)error)
                 : pyro_tree_put_content(out, fd, found->status);
}

static int send_one(void *userdata, const struct pyro_tree_found *found)
{
    return MIN(send_with_content(userdata, found, UINT64_MAX), 0);
}

/* Everything below `root`, then END. An output that failed says so when it is closed. */
static int walk_and_close(struct pyro_tree_output *out, int root, pyro_tree_visitor *visit)
{
    int r = pyro_tree_walk(root, visit, out);
    if (r < 0 && out->error == 0) {
        pyro_tree_output_flush(out);
        return -1;
    }
    return pyro_tree_output_close(out);
}

static int open_root(const char *path)
{
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? pyro_own_say("cannot open %s: %s", path, strerror(errno)) : root;
}

int pyro_tree_list(char *const *words)
{
    struct pyro_tree_output out;
    cleanup_close int root = open_root(words[0]);
    if (root < 0)
        return -1;
    int r = pyro_tree_output_init(&out) < 0 ? pyro_own_say("out of memory")
                                            : walk_and_close(&out, root, list_one);
    pyro_tree_output_finish(&out);
    return r;
}

static int send_tree(struct pyro_tree_output *out, int directory, const char *name)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    struct pyro_tree_found found = {.directory = directory,
                                    .name = name,
                                    .path = "",
                                    .status = &status,
                                    .kind = pyro_tree_kind_of(&status)};
    if (found.kind != PYRO_TREE_DIRECTORY) {
        send_one(out, &found);
        return pyro_tree_output_close(out) < 0;
    }
    cleanup_close int root =
        openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return -errno;
    send_one(out, &found);
    return walk_and_close(out, root, send_one) < 0;
}

/* 0; a negative errno when nothing can be sent; 1 when it was begun and then failed. */
static int send_path(struct pyro_tree_output *out, int root, const char *path)
{
    char parent[PYRO_TREE_PATH_MAX + 1];
    size_t length;
    const char *name = pyro_tree_split(path, &length);
    *(char *)mempcpy(parent, path, length) = '\0';
    cleanup_close int directory = pyro_tree_open_directory(root, parent, PYRO_TREE_STAY_BENEATH);
    if (directory < 0)
        return directory;
    return send_tree(out, directory, *name ? name : ".");
}

int pyro_tree_send(char *const *words)
{
    struct pyro_tree_output out;
    const char *path = words[1];
    if (!pyro_tree_path_is_safe(path))
        return pyro_own_say("%s is not a path below %s", path, words[0]);
    cleanup_close int root = open_root(words[0]);
    if (root < 0)
        return -1;
    int r = pyro_tree_output_init(&out);
    if (r == 0)
        r = send_path(&out, root, path);
    pyro_tree_output_finish(&out);
    if (r == -ENOENT || r == -ENOTDIR)
        return pyro_own_say("there is no %s", *path ? path : words[0]);
    if (r < 0)
        return pyro_own_say("cannot read %s: %s", *path ? path : words[0],
                            r == -EXDEV ? "it leads outside" : strerror(-r));
    return -r;
}

struct fetch {
    struct pyro_tree_input in;
    struct pyro_tree_output out;
    struct pyro_tree_parent parent;
};

static bool is_missing(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static int put_missing(struct pyro_tree_output *out, const char *path)
{
    struct pyro_tree_entry entry = {.kind = PYRO_TREE_MISSING, .path = path, .target = ""};
    return pyro_tree_put_entry(out, &entry);
}

static int answer(struct fetch *fetch, const struct pyro_tree_entry *question)
{
    struct stat status;
    struct pyro_tree_found found = {.name = ".", .path = question->path, .status = &status};
    found.directory = *question->path
                          ? pyro_tree_parent_of(&fetch->parent, question->path, &found.name)
                          : fetch->parent.root;
    int error = found.directory < 0 ? -found.directory : 0;
    if (error == 0 && fstatat(found.directory, found.name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        error = errno;
    if (error != 0 && !is_missing(error))
        return pyro_own_say("cannot look at %s: %s", question->path, strerror(error));
    if (error == 0)
        found.kind = pyro_tree_kind_of(&status);
    int r = error == 0 ? send_with_content(&fetch->out, &found, question->size) : 1;
    return r <= 0 ? r : put_missing(&fetch->out, question->path);
}

static int answer_all(struct fetch *fetch)
{
    struct pyro_tree_record record;
    int r = 0;
    while (r == 0) {
        r = pyro_tree_input_next(&fetch->in, &record);
        if (r == 0 && record.type == PYRO_TREE_END)
            break;
        if (r == 0 && record.type != PYRO_TREE_ENTRY)
            r = pyro_own_say("a question is no %u record", record.type);
        if (r == 0)
            r = answer(fetch, &record.entry);
    }
    if (r < 0 && fetch->out.error == 0) {
        pyro_tree_output_flush(&fetch->out);
        return -1;
    }
    return pyro_tree_output_close(&fetch->out);
}

int pyro_tree_fetch(char *const *words)
{
    static struct fetch fetch;
    cleanup_close int root = open_root(words[0]);
    if (root < 0)
        return -1;
    pyro_tree_parent_init(&fetch.parent, root);
    int r = pyro_tree_input_init(&fetch.in);
    if (r == 0)
        r = pyro_tree_output_init(&fetch.out);
    r = r < 0 ? pyro_own_say("out of memory") : answer_all(&fetch);
    pyro_tree_parent_finish(&fetch.parent);
    pyro_tree_input_finish(&fetch.in);
    pyro_tree_output_finish(&fetch.out);
    return r;
}
