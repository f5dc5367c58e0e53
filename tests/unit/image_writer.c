/* Driver of test_ext4_image.py: writes the image of a tar archive. */
#include <fcntl.h>
#include <stdio.h>

#include "base/macros.h"
#include "environment/image.h"

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s ARCHIVE IMAGE\n", argv[0]);
        return 2;
    }
    struct pyro_error error = PYRO_ERROR_INIT;
    cleanup_close int tar_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (pyro_image_write(tar_fd, argv[2], NULL, NULL, &error) == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", pyro_error_name(error.code), error.message);
    return 1;
}
