#include "environment/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"

static const char record_file[] = "builder.json";

enum { RECORD_MAX = 4096 };

/* When the process started, in clock ticks since boot: with the pid it names a process for good.
 * 0 when there is no such process. */
static uint64_t start_time(pid_t pid)
{
    char path[64];
    cleanup_free char *text = NULL;
    uint64_t ticks;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pyro_file_read_at(AT_FDCWD, path, RECORD_MAX, &text, NULL) < 0)
        return 0;
    const char *after_name = strrchr(text, ')'); /* the name may hold anything */
    /* Field 3 follows the name, the start time is field 22. */
    if (!after_name || sscanf(after_name + 1,
                              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                              "%*d %*d %*d %" SCNu64,
                              &ticks) != 1)
        return 0;
    return ticks;
}

int pyro_orphan_record(int directory, pid_t leader)
{
    cleanup_json json_t *record =
        json_pack("{s:i, s:I}", "pid", (int)leader, "start_time", (json_int_t)start_time(leader));
    return record ? pyro_json_file_replace_at(directory, record_file, record, 0) : -ENOMEM;
}

void pyro_orphan_forget(int directory)
{
    unlinkat(directory, record_file, 0);
}

void pyro_orphan_kill(int directory)
{
    int r;
    cleanup_json json_t *record = pyro_json_file_read_at(directory, record_file, RECORD_MAX, &r);
    int64_t pid = pyro_json_integer(record, "pid", 0);
    int64_t wanted = pyro_json_integer(record, "start_time", 0);
    if (pid <= 1 || pid > INT32_MAX || wanted <= 0)
        return;
    if (start_time((pid_t)pid) == (uint64_t)wanted)
        kill(-(pid_t)pid, SIGKILL);
}
