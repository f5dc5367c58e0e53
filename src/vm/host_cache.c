#include "vm/host_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"

static const char cache_path[] = "cache/host.json";

enum { CACHE_CAP = 64 << 10, BOOT_ID_CAP = 256 };

char *pyro_host_boot_id(void)
{
    char *id = NULL;
    if (pyro_file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_CAP, &id, NULL) < 0)
        return strdup("");
    id[strcspn(id, "\n")] = '\0';
    return id;
}

static json_t *read_file(const struct pyro_home *home)
{
    int ignored;
    if (home->directory_fd >= 0)
        return pyro_json_file_read_at(home->directory_fd, cache_path, CACHE_CAP, &ignored);
    cleanup_free char *path = pyro_text_format("%s/%s", home->path, cache_path);
    return path ? pyro_json_file_read_at(AT_FDCWD, path, CACHE_CAP, &ignored) : NULL;
}

void pyro_host_cache_load(struct pyro_host_cache *cache, const struct pyro_home *home)
{
    *cache = (struct pyro_host_cache){.boot_id = pyro_host_boot_id()};
    cleanup_json json_t *file = read_file(home);
    json_t *verdicts = json_object_get(file, "verdicts");
    const char *boot_id = pyro_json_text(file, "boot_id", "");
    bool good = cache->boot_id && *cache->boot_id && strcmp(boot_id, cache->boot_id) == 0 &&
                json_is_object(verdicts);
    cache->verdicts = good ? json_incref(verdicts) : json_object();
}

const json_t *pyro_host_cache_get(const struct pyro_host_cache *cache, const char *key,
                                  const char *of)
{
    const json_t *verdict = json_object_get(cache->verdicts, key);
    const char *about = pyro_json_text(verdict, "of", NULL);
    return about && strcmp(about, of) == 0 ? verdict : NULL;
}

void pyro_host_cache_put(struct pyro_host_cache *cache, const char *key, const char *of,
                         json_t *verdict)
{
    if (!verdict || json_object_set_new(verdict, "of", json_string(of)) < 0) {
        json_decref(verdict);
        return;
    }
    if (json_object_set_new(cache->verdicts, key, verdict) == 0)
        cache->changed = true;
}

static void write_file(const struct pyro_host_cache *cache, const struct pyro_home *home)
{
    if (home->directory_fd < 0 || !cache->boot_id || !*cache->boot_id)
        return;
    cleanup_json json_t *file =
        json_pack("{s:s, s:O}", "boot_id", cache->boot_id, "verdicts", cache->verdicts);
    if (file)
        pyro_json_file_replace_at(home->directory_fd, cache_path, file, 0);
}

void pyro_host_cache_finish(struct pyro_host_cache *cache, const struct pyro_home *home)
{
    if (cache->changed)
        write_file(cache, home);
    json_decref(cache->verdicts);
    free(cache->boot_id);
    *cache = (struct pyro_host_cache){0};
}

char *pyro_host_cache_file_mark(const char *path)
{
    struct stat stat_;
    if (!path || stat(path, &stat_) < 0)
        return strdup("");
    return pyro_text_format("%s %lld %lld.%09ld", path, (long long)stat_.st_size,
                            (long long)stat_.st_mtim.tv_sec, stat_.st_mtim.tv_nsec);
}
