#include "environment/tarball.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

static int archive_failed(struct pyro_tarball *tarball, struct pyro_error *error)
{
    const char *reason = archive_error_string(tarball->archive);
    return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "reading the archive: %s%s%s",
                          tarball->path, *tarball->path ? ": " : "",
                          reason ? reason : "it is damaged");
}

/* libarchive takes an end of file between two entries for the end of the archive. An archive that
 * was cut there would pass, so the end marker, two blocks of zeros, must be in its place. */
static int check_end_marker(int fd, uint64_t size, struct pyro_error *error)
{
    static const char zeros[1024];
    char tail[sizeof(zeros)];
    if (size < sizeof(tail) || size % 512 != 0 ||
        pread(fd, tail, sizeof(tail), (off_t)(size - sizeof(tail))) != sizeof(tail) ||
        memcmp(tail, zeros, sizeof(tail)) != 0)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "reading the archive: its end is missing");
    return 0;
}

int pyro_tarball_open(struct pyro_tarball *tarball, int fd, struct pyro_error *error)
{
    *tarball = (struct pyro_tarball){.fd = fd};
    struct stat status;
    if (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, errno, "reading the archive");
    tarball->size_bytes = (uint64_t)status.st_size;
    if (check_end_marker(fd, tarball->size_bytes, error) < 0)
        return -1;
    tarball->archive = archive_read_new();
    if (!tarball->archive)
        return pyro_error_no_memory(error);
    if (archive_read_support_format_tar(tarball->archive) != ARCHIVE_OK ||
        archive_read_open_fd(tarball->archive, fd, 256 * 1024) != ARCHIVE_OK) {
        archive_failed(tarball, error);
        pyro_tarball_finish(tarball);
        return -1;
    }
    return 0;
}

void pyro_tarball_finish(struct pyro_tarball *tarball)
{
    if (tarball->archive)
        archive_read_free(tarball->archive);
    tarball->archive = NULL;
}

int pyro_tarball_clean_path(const char *path, char *target, struct pyro_error *error)
{
    const char *problem = pyro_tar_clean_path(path, target);
    return problem ? pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "%.64s: %s in the archive", path,
                                    problem)
                   : 0;
}

int pyro_tarball_next(struct pyro_tarball *tarball, struct pyro_error *error)
{
    int r = pyro_tar_next_header(tarball->archive, &tarball->entry);
    if (r == ARCHIVE_EOF)
        return 0;
    if (r != ARCHIVE_OK)
        return archive_failed(tarball, error);
    const char *path = archive_entry_pathname(tarball->entry);
    if (!path || !*path)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "the archive holds an entry without a name");
    if (pyro_tarball_clean_path(path, tarball->path, error) < 0)
        return -1;
    int64_t size = archive_entry_size(tarball->entry);
    if (size < 0 || size > PYRO_TAR_FILE_MAX)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                              "%s: the archive gives it an impossible size", tarball->path);
    return 1;
}

int pyro_tarball_read(struct pyro_tarball *tarball, const void **ret_bytes, size_t *ret_size,
                      int64_t *ret_offset, struct pyro_error *error)
{
    for (;;) {
        int r = archive_read_data_block(tarball->archive, ret_bytes, ret_size, ret_offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK)
            return archive_failed(tarball, error);
        int64_t size = archive_entry_size(tarball->entry);
        if (*ret_offset < 0 || *ret_offset > size || (int64_t)*ret_size > size - *ret_offset)
            return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "%s: more data than its size",
                                  tarball->path);
        if (*ret_size > 0)
            return 1;
    }
}

int pyro_tarball_read_all(struct pyro_tarball *tarball, size_t cap, uint8_t **ret_bytes,
                          size_t *ret_size, struct pyro_error *error)
{
    size_t whole = (size_t)archive_entry_size(tarball->entry);
    if (whole > cap)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "%s: larger than %zu bytes",
                              tarball->path, cap);
    cleanup_free uint8_t *bytes = calloc(1, whole + 1);
    if (!bytes)
        return pyro_error_no_memory(error);
    const void *run;
    size_t size;
    int64_t offset;
    int r;
    while ((r = pyro_tarball_read(tarball, &run, &size, &offset, error)) > 0)
        memcpy(bytes + offset, run, size);
    if (r < 0)
        return -1;
    *ret_bytes = steal_pointer(&bytes);
    *ret_size = whole;
    return 0;
}
