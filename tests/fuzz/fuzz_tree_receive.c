/* Any stream of records at the receiver, in a directory of its own. Whatever comes, nothing may be
 * made or changed outside, and a merge leaves no temporary name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char outside[64], root[80], secret[80], link_path[96];

static void prepare(void)
{
    snprintf(outside, sizeof(outside), "/tmp/fuzz-tree-%d", (int)getpid());
    snprintf(root, sizeof(root), "%s/root", outside);
    snprintf(secret, sizeof(secret), "%s/secret", outside);
    snprintf(link_path, sizeof(link_path), "%s/a", root);
    pyro_tree_remove_at(AT_FDCWD, outside);
    if (mkdir(outside, 0700) < 0 || mkdir(secret, 0700) < 0)
        abort();
}

static void remove_all(void)
{
    pyro_tree_remove_at(AT_FDCWD, outside);
}

static bool has_debris(void)
{
    bool found = false;
    struct dirent *entry;
    DIR *directory = opendir(root);
    while (directory && (entry = readdir(directory)))
        found |= strncmp(entry->d_name, ".pyro-", 6) == 0;
    if (directory)
        closedir(directory);
    return found;
}

static void receive(const uint8_t *data, size_t size, const char *mode)
{
    static int quiet;
    int in = memfd_create("records", MFD_CLOEXEC);
    if (quiet == 0)
        quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int error = dup(STDERR_FILENO), out = dup(STDOUT_FILENO);
    if (in < 0 || pyro_fd_write_all(in, data, size) < 0 || lseek(in, 0, SEEK_SET) < 0)
        abort();
    dup2(in, STDIN_FILENO);
    dup2(quiet, STDOUT_FILENO);
    dup2(quiet, STDERR_FILENO);
    char *words[] = {"receive", root, "", (char *)mode, NULL};
    pyro_own_command(words);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    close(in);
    close(out);
    close(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stat before, after;
    if (!*root) {
        prepare();
        atexit(remove_all);
    }
    mkdir(root, 0700);
    /* A way out, under a name that is easily found. */
    if (stat(secret, &before) < 0 || (symlink("../secret", link_path) < 0 && errno != EEXIST))
        abort();
    receive(data, size, "new");
    receive(data, size, "merge");
    if (stat(secret, &after) < 0 || before.st_mtim.tv_nsec != after.st_mtim.tv_nsec ||
        before.st_ctim.tv_nsec != after.st_ctim.tv_nsec || has_debris())
        abort();
    chmod(root, 0700);
    pyro_tree_remove_at(AT_FDCWD, root);
    return 0;
}
