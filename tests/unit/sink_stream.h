/* What the tests of the sink share: streams written down as text, and a place on the host with
 * neighbours that must stay as they are.
 *
 * A stream is words with a space between them. PATH may end with @MODE (octal).
 *   D:PATH  directory          F:PATH=TEXT  a whole file     f:PATH=SIZE  a file that only begins
 *   L:PATH>TARGET  symlink     H:PATH>TARGET  hard link      w:OFFSET=TEXT  data
 *   O:PATH  a device           M:PATH  missing               !ERRNO  done
 *   T:PATH  times              #  garbage                    .  the end */
#ifndef PYRO_TESTS_SINK_STREAM_H
#define PYRO_TESTS_SINK_STREAM_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "tap.h"
#include "workspace/sink_parts.h"

#define MTIME_NS (1600000000123456789)

static inline void must(bool good, const char *what)
{
    if (!good) {
        printf("Bail out! %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* ---- streams ---- */

static inline void put_entry(struct pyro_buffer *out, char letter, const char *path, uint32_t mode,
                             uint64_t size, const char *target)
{
    static const char letters[] = "?FDLHOM";
    enum pyro_tree_kind kind = (enum pyro_tree_kind)(strchr(letters, letter) - letters);
    struct pyro_tree_entry entry = {.kind = kind,
                                    .mode = mode,
                                    .size = size,
                                    .mtime_ns = MTIME_NS,
                                    .path = path,
                                    .target = target};
    must(pyro_tree_entry_pack(out, &entry) == 0, path);
}

static inline void put_file(struct pyro_buffer *out, const char *path, uint32_t mode,
                            const char *text)
{
    size_t size = strlen(text);
    put_entry(out, 'F', path, mode, size, "");
    if (size > 0)
        must(pyro_tree_data_pack(out, 0, text, size) == 0, "data");
    must(pyro_tree_done_pack(out, 0) == 0, "done");
}

static inline uint32_t cut_mode(char *path, uint32_t otherwise)
{
    char *at = strchr(path, '@');
    if (!at)
        return otherwise;
    *at = '\0';
    return (uint32_t)strtoul(at + 1, NULL, 8);
}

static inline void put_word(struct pyro_buffer *out, char *word)
{
    struct pyro_tree_times times = {.path = word + 2};
    char *value = word + strcspn(word, "=>"), letter = *word;
    if (*value)
        *value++ = '\0';
    if (letter == '.')
        must(pyro_tree_end_pack(out) == 0, "end");
    else if (letter == '#')
        must(pyro_buffer_append(out, "\1\0\0\0\x7f", 5) == 0, "garbage");
    else if (letter == '!')
        must(pyro_tree_done_pack(out, (uint32_t)atoll(word + 1)) == 0, "done");
    else if (letter == 'T')
        must(pyro_tree_times_pack(out, &times) == 0, "times");
    else if (letter == 'w')
        must(pyro_tree_data_pack(out, strtoull(word + 2, NULL, 10), value, strlen(value)) == 0,
             "data");
    else if (letter == 'F')
        put_file(out, word + 2, cut_mode(word + 2, 0644), value);
    else if (letter == 'f')
        put_entry(out, 'F', word + 2, cut_mode(word + 2, 0644), strtoull(value, NULL, 10), "");
    else
        put_entry(out, letter, word + 2, cut_mode(word + 2, letter == 'D' ? 0755 : 0777), 0, value);
}

/* To be finished. */
static inline struct pyro_buffer stream_of(const char *words)
{
    struct pyro_buffer out;
    cleanup_free char *copy = strdup(words);
    char *rest = copy;
    pyro_buffer_init(&out, 8 << 20);
    for (char *word; (word = strsep(&rest, " "));)
        put_word(&out, word);
    return out;
}

/* ---- the place ---- */

/* base/secret, base/in/neighbour, base/in/.goal.pyro-note and base/in/elsewhere/file are there. */
struct place {
    char base[64], in[80], goal[96];
};

static inline void write_file(const char *directory, const char *name, const char *text)
{
    cleanup_free char *path = pyro_text_format("%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    must(file != NULL, path);
    fputs(text, file);
    fclose(file);
}

static inline void place_init(struct place *place)
{
    strcpy(place->base, "/tmp/pyro-sink-XXXXXX");
    must(mkdtemp(place->base) != NULL, "mkdtemp");
    snprintf(place->in, sizeof(place->in), "%s/in", place->base);
    snprintf(place->goal, sizeof(place->goal), "%s/goal", place->in);
    must(mkdir(place->in, 0755) == 0, place->in);
    write_file(place->base, "secret", "base");
    write_file(place->in, "neighbour", "beside");
    write_file(place->in, ".goal.pyro-note", "not ours");
    cleanup_free char *elsewhere = pyro_text_format("%s/elsewhere", place->in);
    must(mkdir(elsewhere, 0755) == 0, elsewhere);
    write_file(elsewhere, "file", "elsewhere");
}

static inline void place_finish(struct place *place)
{
    must(pyro_sink_remove_at(AT_FDCWD, place->base) == 0, place->base);
}

/* ---- looking at it ---- */

static inline void list_one(struct pyro_buffer *out, int parent, const char *name,
                            const char *shown);

static inline void list_below(struct pyro_buffer *out, int directory, const char *shown)
{
    struct dirent **names;
    int count = scandirat(directory, ".", &names, NULL, alphasort);
    must(count >= 0, shown);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        cleanup_free char *path = pyro_text_format("%s%s%s", shown, *shown ? "/" : "", name);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            list_one(out, directory, name, path);
        free(names[i]);
    }
    free(names);
}

static inline void list_one(struct pyro_buffer *out, int parent, const char *name,
                            const char *shown)
{
    char text[256] = "";
    cleanup_free char *line = NULL;
    struct stat status;
    must(fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0, shown);
    unsigned mode = status.st_mode & 07777;
    cleanup_close int fd =
        S_ISLNK(status.st_mode) ? -1 : openat(parent, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (S_ISLNK(status.st_mode)) {
        must(readlinkat(parent, name, text, sizeof(text) - 1) > 0, shown);
        line = pyro_text_format("%s>%s\n", shown, text);
    } else if (S_ISDIR(status.st_mode)) {
        line = pyro_text_format("%s/@%o\n", shown, mode);
    } else {
        must(fd < 0 || read(fd, text, sizeof(text) - 1) >= 0, shown);
        line = pyro_text_format("%s@%o=%s\n", shown, mode, text);
    }
    pyro_buffer_append(out, line, strlen(line));
    if (S_ISDIR(status.st_mode) && fd >= 0) /* an ordinary user may not look */
        list_below(out, fd, shown);
}

/* All that is at a path, a line for each name; "" when nothing is there. To be freed. */
static inline char *list(const char *path)
{
    struct pyro_buffer out;
    struct stat status;
    pyro_buffer_init(&out, 1 << 20);
    if (lstat(path, &status) == 0)
        list_one(&out, AT_FDCWD, path, "");
    pyro_buffer_append(&out, "", 1);
    char *text = strdup((char *)pyro_buffer_data(&out));
    pyro_buffer_finish(&out);
    return text;
}

static inline bool is_listed(const char *path, const char *wanted)
{
    cleanup_free char *got = list(path);
    if (strcmp(got, wanted) != 0)
        printf("# at %s is:\n# %s", path, got);
    return strcmp(got, wanted) == 0;
}

#define PLACE_LIST                                                                                 \
    "/@700\nin/@755\nin/.goal.pyro-note@644=not ours\nin/elsewhere/@755\n"                         \
    "in/elsewhere/file@644=elsewhere\n%sin/neighbour@644=beside\nsecret@644=base\n"

/* Nothing is there but what was there, and `goal`, a line of it. */
static inline bool is_untouched(const struct place *place, const char *goal)
{
    cleanup_free char *wanted = pyro_text_format(PLACE_LIST, goal);
    return is_listed(place->base, wanted);
}

/* ---- sending ---- */

/* In parts of `step` bytes. */
static inline int send_bytes(const char *goal, bool force, const uint8_t *bytes, size_t size,
                             size_t step, struct pyro_tree_export *ret_export,
                             struct pyro_error *error)
{
    struct pyro_tree_sink *sink;
    int r = pyro_tree_sink_open(goal, force, &sink, error);
    if (r < 0)
        return r;
    for (size_t at = 0; r == 0 && at < size; at += step)
        r = pyro_tree_sink_write(sink, bytes + at, MIN(step, size - at), error);
    if (r == 0)
        r = pyro_tree_sink_finish(sink, ret_export, error);
    pyro_tree_sink_close(sink);
    return r;
}

static inline int send_words(const char *goal, bool force, const char *words,
                             struct pyro_tree_export *ret_export, struct pyro_error *error)
{
    struct pyro_buffer stream = stream_of(words);
    int r = send_bytes(goal, force, pyro_buffer_data(&stream), stream.size, stream.size, ret_export,
                       error);
    pyro_buffer_finish(&stream);
    return r;
}

/* True when it arrived; what was told of it is dropped. */
static inline bool arrives(const char *goal, bool force, const char *words)
{
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    int r = send_words(goal, force, words, &export, &error);
    if (r < 0)
        printf("# %s (%s)\n", error.message, error.hint);
    json_decref(export.skipped);
    return r == 0;
}

/* ---- children ---- */

/* Runs a check in a process of its own, for what cannot be undone. */
static inline bool in_child(bool (*check)(void *userdata), void *userdata)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        bool good = check(userdata);
        fflush(stdout);
        _exit(good ? 0 : 1);
    }
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* From now on the kernel refuses a system call; with `flags` ≥ 0 only when that argument is not 0.
 */
static inline void refuse_call(unsigned number, int errnum, int flags)
{
    unsigned argument =
        (unsigned)(offsetof(struct seccomp_data, args) + 8 * (unsigned)MAX(flags, 0));
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, flags >= 0, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {ARRAY_SIZE(filter), filter};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
         "seccomp");
}

#endif
