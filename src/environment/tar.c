#include "environment/tar.h"

#include <locale.h>
#include <stddef.h>
#include <string.h>

/* Names are bytes, yet libarchive converts those in pax headers to the thread's locale. In "C" only
 * ASCII converts, and for all other names it warns and hands out the bytes as they are. */
int pyro_tar_next_header(struct archive *archive, struct archive_entry **ret_entry)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return ARCHIVE_FATAL;
    locale_t before = uselocale(plain);
    int r = archive_read_next_header(archive, ret_entry);
    uselocale(before);
    freelocale(plain);
    if (r != ARCHIVE_WARN)
        return r;
    const char *reason = archive_error_string(archive);
    return reason && strstr(reason, "can't be converted") ? ARCHIVE_OK : ARCHIVE_WARN;
}

const char *pyro_tar_clean_path(const char *path, char ret_path[PYRO_TAR_PATH_MAX + 1])
{
    char *at = ret_path;
    if (*path == '/')
        return "an absolute name";
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0)
            return "a name with \"..\" in it";
        if (length > 255 || (size_t)(at - ret_path) + length + 1 > PYRO_TAR_PATH_MAX)
            return "a name that is too long";
        if (length > 0 && !(length == 1 && *path == '.')) {
            if (at != ret_path)
                *at++ = '/';
            memcpy(at, path, length);
            at += length;
        }
        path += length;
        path += *path == '/';
    }
    *at = '\0';
    return NULL;
}
