#include "environment/stamp.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

static const char stamp_file[] = "verified.json";

enum { STAMP_MAX = 16 << 10 };

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static json_t *describe(const struct stat *status, const char *digest)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:s}", "inode", (json_int_t)status->st_ino, "size",
                     (json_int_t)status->st_size, "mtime_ns",
                     (json_int_t)nanoseconds(status->st_mtim), "ctime_ns",
                     (json_int_t)nanoseconds(status->st_ctim), "sha256", digest);
}

json_t *pyro_stamp_load(int directory)
{
    int r;
    json_t *stamp = pyro_json_file_read_at(directory, stamp_file, STAMP_MAX, &r);
    if (stamp && json_is_object(stamp))
        return stamp;
    json_decref(stamp);
    return json_object();
}

bool pyro_stamp_holds(const json_t *stamp, const char *file, const struct stat *status,
                      const char *digest)
{
    cleanup_json json_t *now = describe(status, digest);
    return now && json_equal(now, json_object_get(stamp, file));
}

int pyro_stamp_set(json_t *stamp, const char *file, const struct stat *status, const char *digest)
{
    return json_object_set_new(stamp, file, describe(status, digest)) < 0 ? -ENOMEM : 0;
}

void pyro_stamp_store(int directory, const json_t *stamp)
{
    pyro_json_file_replace_at(directory, stamp_file, stamp, 0);
}
