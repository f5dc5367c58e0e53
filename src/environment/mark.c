/* In which state the files of all installations are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "environment/environment.h"
#include "environment/staging.h"

/* All that a file's change cannot leave as it was. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

static int add(struct pyro_buffer *mark, int environments, const char *slug, const char *file)
{
    struct file_state state = {0}; /* one that is not there */
    struct stat status;
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", slug, file);
    if (fstatat(environments, path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        state.device = status.st_dev;
        state.inode = status.st_ino;
        state.size = status.st_size;
        state.modified = status.st_mtim;
        state.changed = status.st_ctim;
    }
    return pyro_buffer_append(mark, &state, sizeof(state));
}

int pyro_environments_mark(const struct pyro_home *home, struct pyro_buffer *mark)
{
    static const char *const files[] = {"manifest.json", "verified.json", "rootfs.ext4",
                                        "overlay.qcow2", "vmlinux",       "vmlinuz",
                                        "modules.cpio"};
    cleanup_close int environments = pyro_environments_open(home);
    int r = environments < 0 ? environments : 0;
    for (const struct pyro_environment *const *at = pyro_catalog; *at && r == 0; at++) {
        for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
            r = add(mark, environments, (*at)->slug, files[i]);
    }
    return r;
}
