/* The hunks of modified texts come from GNU diff: one run for many files, which lie under numbers
 * in two directories. Its output is taken apart by what the hunks' heads count, never by what the
 * lines look like: the guest wrote them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/process.h"
#include "workspace/diff_parts.h"

enum {
    TIME_LIMIT_MS = 30 * 1000, /* for all runs of a diff; texts can be made to be slow to compare */
    OUTPUT_MAX = 256 * 1024 * 1024,
};

static int fail(int errnum, struct pyro_error *error)
{
    if (errnum == -ENOPKG) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                       "cannot compare texts: the program diff is not installed");
        return pyro_error_hint(error, "apt install diffutils");
    }
    return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errnum, "cannot compare texts");
}

/* What diffs that were killed have left: a diff that still runs has not had the time to get so old.
 */
static void remove_stale(int bundle)
{
    enum { OLD_SECONDS = 10 * TIME_LIMIT_MS / 1000 };
    int fd = openat(bundle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct stat status;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (strncmp(entry->d_name, "diff-", 5) == 0 &&
            fstatat(bundle, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            time(NULL) - status.st_mtime > OLD_SECONDS)
            pyro_tree_remove_at(bundle, entry->d_name);
    }
    if (stream)
        closedir(stream);
    else if (fd >= 0)
        close(fd);
}

/* A directory of our own in the bundle, made when the first texts are compared. */
static int make_directory(struct pyro_diff_hunks *hunks, int bundle)
{
    char path[64];
    cleanup_free char *program = pyro_program_find("diff");
    if (!program)
        return -ENOPKG;
    if (*hunks->directory != '\0')
        return 0;
    remove_stale(bundle);
    snprintf(path, sizeof(path), "/proc/self/fd/%d/diff-XXXXXX", bundle);
    if (!mkdtemp(path))
        return -errno;
    snprintf(hunks->directory, sizeof(hunks->directory), "%s", strrchr(path, '/') + 1);
    hunks->deadline_ms = pyro_now_ms() + TIME_LIMIT_MS;
    return 0;
}

void pyro_diff_hunks_finish(struct pyro_diff_hunks *hunks, int bundle)
{
    if (*hunks->directory != '\0')
        pyro_tree_remove_at(bundle, hunks->directory);
    free(hunks->output);
    *hunks = (struct pyro_diff_hunks){0};
}

static int write_text(int bundle, const char *directory, const char *side, size_t number,
                      const struct pyro_diff_side *text)
{
    char path[80];
    snprintf(path, sizeof(path), "%s/%s/%07zu", directory, side, number);
    cleanup_close int fd = openat(bundle, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : pyro_fd_write_all(fd, text->text, text->text_size);
}

/* How many pairs there are, or a negative errno. */
static int write_texts(const struct pyro_diff_hunks *hunks, const struct pyro_diff *diff,
                       size_t from, size_t to)
{
    int count = 0, r = 0;
    for (size_t i = from; i < to && r == 0; i++) {
        const struct pyro_diff_change *change = &diff->changes[i];
        if (!pyro_diff_needs_hunks(change))
            continue;
        struct pyro_diff_side before = pyro_diff_before(diff, change);
        struct pyro_diff_side after = pyro_diff_after(diff, change);
        r = write_text(diff->bundle, hunks->directory, "a", i, &before);
        if (r == 0)
            r = write_text(diff->bundle, hunks->directory, "b", i, &after);
        count++;
    }
    return r < 0 ? r : count;
}

/* Empty directories for the two sides. */
static int make_sides(const struct pyro_diff_hunks *hunks, int bundle)
{
    for (const char *side = "ab"; *side; side++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%c", hunks->directory, *side);
        int r = pyro_tree_remove_at(bundle, path);
        if (r < 0)
            return r;
        if (mkdirat(bundle, path, 0700) < 0)
            return -errno;
    }
    return 0;
}

/* The wait status, or -ETIMEDOUT: then it was killed. */
static int wait_until(pid_t pid, uint64_t deadline_ms)
{
    cleanup_close int process = pyro_process_open(pid);
    struct pollfd ended = {.fd = process, .events = POLLIN};
    int ready = 0;
    do {
        uint64_t now = pyro_now_ms();
        ready = poll(&ended, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        kill(pid, SIGKILL);
    int status = pyro_process_wait(pid);
    return ready <= 0 ? -ETIMEDOUT : status;
}

static int run(const struct pyro_diff_hunks *hunks, int bundle, const char *output)
{
    /* In the locale C, the mark of a missing newline is the one that patches have. */
    char *argv[] = {"diff", "-a", "-u", "-r", "a", "b", NULL}, *variables[] = {"LC_ALL=C", NULL};
    char directory[80];
    snprintf(directory, sizeof(directory), "/proc/self/fd/%d/%s", bundle, hunks->directory);
    cleanup_close int out =
        openat(bundle, output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        return -errno;
    const struct pyro_spawn spawn = {.argv = argv,
                                     .environ = variables,
                                     .directory = directory,
                                     .stdin_fd = -1,
                                     .stdout_fd = out,
                                     .stderr_fd = -1,
                                     .death_signal = SIGKILL};
    pid_t pid;
    int r = pyro_spawn(&spawn, &pid);
    if (r < 0)
        return r;
    int status = wait_until(pid, hunks->deadline_ms);
    if (status < 0)
        return status;
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? 0 : -EIO;
}

static const char *line_end(const char *at, const char *end)
{
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return newline ? newline + 1 : NULL;
}

/* "12,3" or "12", which is one line. */
static const char *read_range(const char *at, unsigned long *ret_lines)
{
    char *end;
    *ret_lines = 1;
    strtoul(at, &end, 10);
    if (*end == ',')
        *ret_lines = strtoul(end + 1, &end, 10);
    return end;
}

static bool is_mark(const char *at, const char *end)
{
    return at < end && *at == '\\';
}

/* Behind the hunk at `at`, or NULL when it is not whole. */
static const char *skip_hunk(const char *at, const char *end)
{
    unsigned long before, after;
    const char *head = read_range(at + strlen("@@ -"), &before);
    if (strncmp(head, " +", 2) != 0)
        return NULL;
    read_range(head + 2, &after);
    at = line_end(at, end);
    while (at && (before > 0 || after > 0 || is_mark(at, end))) {
        if (at == end)
            return NULL;
        bool in_before = *at == ' ' || *at == '-', in_after = *at == ' ' || *at == '+';
        if ((!in_before && !in_after && *at != '\\') || before < in_before || after < in_after)
            return NULL;
        before -= in_before;
        after -= in_after;
        at = line_end(at, end);
    }
    return at;
}

static bool starts_with(const char *at, const char *end, const char *word)
{
    return (size_t)(end - at) >= strlen(word) && memcmp(at, word, strlen(word)) == 0;
}

/* What is told of one pair, which begins with the line "diff -a -u -r a/0000012 b/0000012" and two
 * more with its names. Behind it, or NULL. */
static const char *take_pair(const struct pyro_diff *diff, const char *at, const char *end,
                             struct pyro_diff_change **ret_change)
{
    if (!starts_with(at, end, "diff "))
        return NULL;
    const char *next = line_end(at, end);
    if (!next)
        return NULL;
    const char *number = memrchr(at, '/', (size_t)(next - at));
    size_t index = number ? strtoul(number + 1, NULL, 10) : diff->count;
    for (int i = 0; i < 2 && next; i++)
        next = line_end(next, end);
    const char *hunks = next;
    while (next && starts_with(next, end, "@@ -"))
        next = skip_hunk(next, end);
    if (!next || index >= diff->count || next == hunks)
        return NULL;
    *ret_change = &diff->changes[index];
    (*ret_change)->hunks = hunks;
    (*ret_change)->hunks_size = (size_t)(next - hunks);
    return next;
}

/* How many pairs the output has. Of one that was cut, the last pair may miss hunks. */
static int take_output(const struct pyro_diff *diff, const char *output, size_t size, bool is_cut)
{
    const char *at = output, *end = output + size;
    struct pyro_diff_change *last = NULL;
    int count = 0;
    while (at && at < end) {
        at = take_pair(diff, at, end, &last);
        count += at != NULL;
    }
    if (is_cut && last) {
        last->hunks = NULL;
        last->hunks_size = 0;
    }
    return count;
}

static int compare(struct pyro_diff_hunks *hunks, const struct pyro_diff *diff, size_t from,
                   size_t to)
{
    char path[64];
    size_t size;
    int r = make_sides(hunks, diff->bundle);
    int wanted = r < 0 ? r : write_texts(hunks, diff, from, to);
    if (wanted < 0)
        return wanted;
    snprintf(path, sizeof(path), "%s/output", hunks->directory);
    int ended = run(hunks, diff->bundle, path);
    if (ended < 0 && ended != -ETIMEDOUT)
        return ended;
    r = pyro_file_read_at(diff->bundle, path, OUTPUT_MAX, &hunks->output, &size);
    if (r < 0)
        return r;
    int count = take_output(diff, hunks->output, size, ended < 0);
    return ended == 0 && count != wanted ? -EBADMSG : 0;
}

int pyro_diff_hunks_make(struct pyro_diff_hunks *hunks, const struct pyro_diff *diff, size_t from,
                         size_t to, struct pyro_error *error)
{
    bool is_needed = false;
    for (size_t i = from; i < to && !is_needed; i++)
        is_needed = pyro_diff_needs_hunks(&diff->changes[i]);
    if (!is_needed)
        return 0;
    int r = make_directory(hunks, diff->bundle);
    free(steal_pointer(&hunks->output));
    if (r == 0 && pyro_now_ms() < hunks->deadline_ms)
        r = compare(hunks, diff, from, to);
    return r < 0 ? fail(r, error) : 0;
}
