#include "environment/overlay.h"

#include <errno.h>

#include "base/process.h"
#include "environment/environment.h"

enum { TIMEOUT_MS = 60000 };

/* The backing file is named without a directory: the jail shows both files side by side, elsewhere
 * than on the host. */
int pyro_overlay_create(const char *directory, struct pyro_error *error)
{
    struct pyro_argv argv = {0};
    static const char *const words[] = {"qemu-img", "create",      "-q", "-f",  "qcow2",
                                        "-b",       "rootfs.ext4", "-F", "raw", NULL};
    pyro_argv_add_all(&argv, words);
    pyro_argv_addf(&argv, "%s/overlay.qcow2", directory);
    pyro_argv_addf(&argv, "%dG", PYRO_DISK_SIZE_GIB);
    cleanup_free char *output = NULL;
    int r = argv.failed ? -ENOMEM : pyro_program_run(argv.words, TIMEOUT_MS, 1024, &output);
    pyro_argv_finish(&argv);
    if (r == -ENOENT) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                       "making a disk overlay: there is no qemu-img");
        return pyro_error_hint(error, "apt install qemu-utils");
    }
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_PULL_FAILED, r, "making a disk overlay");
    if (r > 0)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "making a disk overlay: %s",
                              output ? output : "qemu-img failed");
    return 0;
}
