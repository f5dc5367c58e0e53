/* A guest that answers "list" and "fetch" with anything, cut into pieces, against a small baseline.
 * Without GNU diff in PATH, so that no program is started: a modified text is an error then. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workspace/baseline.h"
#include "workspace/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest {
    const uint8_t *list, *fetch;
    size_t list_size, fetch_size, piece;
};

static char directory[64];
static int bundle = -1;

static void remove_all(void)
{
    pyro_tree_remove_at(AT_FDCWD, directory);
}

static void add(struct pyro_baseline_writer *writer, enum pyro_tree_kind kind, const char *path,
                const char *content)
{
    bool is_file = kind == PYRO_TREE_FILE;
    struct pyro_tree_record entry = {.type = PYRO_TREE_ENTRY,
                                     .entry = {.kind = kind,
                                               .size = is_file ? strlen(content) : 0,
                                               .path = path,
                                               .target = is_file ? "" : content}};
    struct pyro_tree_record data = {
        .type = PYRO_TREE_DATA,
        .data = {.bytes = (const uint8_t *)content, .size = (uint32_t)strlen(content)}};
    struct pyro_tree_record done = {.type = PYRO_TREE_DONE};
    if (pyro_baseline_add(writer, &entry, NULL) < 0 ||
        (is_file && pyro_baseline_add(writer, &data, NULL) < 0) ||
        (is_file && pyro_baseline_add(writer, &done, NULL) < 0))
        abort();
}

static void prepare(void)
{
    struct pyro_baseline_writer *writer;
    setenv("PATH", "/nowhere", 1);
    snprintf(directory, sizeof(directory), "/tmp/fuzz-diff-%d", (int)getpid());
    remove_all();
    if (mkdir(directory, 0700) < 0 ||
        (bundle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        pyro_baseline_create(bundle, &writer, NULL) < 0)
        abort();
    atexit(remove_all);
    add(writer, PYRO_TREE_FILE, "a", "text\n");
    add(writer, PYRO_TREE_DIRECTORY, "d", "");
    add(writer, PYRO_TREE_FILE, "d/b", "more");
    add(writer, PYRO_TREE_SYMLINK, "l", "a");
    if (pyro_baseline_finish(writer, NULL) < 0)
        abort();
    pyro_baseline_destroy(writer);
}

static int run(void *userdata, const struct pyro_tree_call *call, struct pyro_error *error)
{
    const struct guest *guest = userdata;
    bool is_list = strcmp(call->arguments[0], "list") == 0;
    const uint8_t *at = is_list ? guest->list : guest->fetch;
    size_t left = is_list ? guest->list_size : guest->fetch_size;
    uint8_t question[100];
    long got = 1;
    while (call->input && got > 0)
        got = call->input(call->userdata, question, sizeof(question), error);
    while (got >= 0 && left > 0) {
        size_t size = left < guest->piece ? left : guest->piece;
        if (call->output(call->userdata, at, size, error) < 0)
            return -1;
        at += size;
        left -= size;
    }
    return got < 0 ? -1 : 0;
}

/* The first bytes say how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyro_buffer patch;
    json_t *result;
    if (bundle < 0)
        prepare();
    if (size < 3)
        return 0;
    size_t list_size = (size_t)data[0] | (size_t)data[1] << 8;
    struct guest guest = {.list = data + 3, .piece = (size_t)data[2] * 4 + 1};
    guest.list_size = list_size < size - 3 ? list_size : size - 3;
    guest.fetch = guest.list + guest.list_size;
    guest.fetch_size = size - 3 - guest.list_size;
    const struct pyro_tree_channel channel = {.userdata = &guest, .run = run};
    if (pyro_diff_make(&channel, "/workspace", bundle, &result, &patch, NULL) < 0)
        return 0;
    if (!json_object_get(result, "patch"))
        abort();
    json_decref(result);
    pyro_buffer_finish(&patch);
    return 0;
}
