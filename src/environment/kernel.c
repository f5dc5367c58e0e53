#include "environment/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"
#include "environment/cpio.h"
#include "environment/image.h"
#include "environment/tarball.h"
#include "environment/vmlinux.h"

enum {
    KERNEL_MAX = 64 << 20,
    MODULE_MAX = 8 << 20,
    STATUS_MAX = 64 << 20,
};

/* In the order in which they must be loaded; the agent goes by the file names. Those from 10 on are
 * for a guest with a NIC. */
static const struct {
    const char *file;
    const char *name;
} wanted[] = {
    {"00-virtio_ring.ko", "virtio_ring"},       {"01-virtio.ko", "virtio"},
    {"02-virtio_mmio.ko", "virtio_mmio"},       {"03-virtio_blk.ko", "virtio_blk"},
    {"04-virtio_console.ko", "virtio_console"}, {"10-failover.ko", "failover"},
    {"11-net_failover.ko", "net_failover"},     {"12-virtio_net.ko", "virtio_net"},
};

struct collection {
    uint8_t *kernel, *modules[ARRAY_SIZE(wanted)];
    size_t kernel_size, module_sizes[ARRAY_SIZE(wanted)];
    struct pyro_kernel_facts facts;
};

static void collection_finish(struct collection *collection)
{
    free(collection->kernel);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        free(collection->modules[i]);
}

/* Kernels of newer suites have compressed modules, which the kernel's own loader does not take from
 * an agent that cannot decompress. */
static int decompress(uint8_t **bytes, size_t *size, struct pyro_error *error)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    cleanup_free uint8_t *plain = malloc(MODULE_MAX);
    la_ssize_t got = -1;
    if (archive && plain && archive_read_support_format_raw(archive) == ARCHIVE_OK &&
        archive_read_support_filter_all(archive) == ARCHIVE_OK &&
        archive_read_open_memory(archive, *bytes, *size) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        got = archive_read_data(archive, plain, MODULE_MAX);
    archive_read_free(archive);
    if (got <= 0 || got == MODULE_MAX)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "a kernel module cannot be unpacked");
    free(*bytes);
    *bytes = steal_pointer(&plain);
    *size = (size_t)got;
    return 0;
}

/* usr/lib/modules/VERSION/…/NAME.ko, also .ko.xz and the like. */
static int take_module(struct collection *collection, struct pyro_tarball *tarball,
                       struct pyro_error *error)
{
    static const char prefix[] = "usr/lib/modules/";
    const char *base = strrchr(tarball->path, '/');
    if (!base || strncmp(tarball->path, prefix, strlen(prefix)) != 0)
        return 0;
    const char *version = tarball->path + strlen(prefix);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        size_t length = strlen(wanted[i].name);
        const char *suffix = base + 1 + length;
        if (strncmp(base + 1, wanted[i].name, length) != 0 || strncmp(suffix, ".ko", 3) != 0)
            continue;
        if (collection->modules[i])
            return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "%s: the module is there twice",
                                  tarball->path);
        snprintf(collection->facts.version, sizeof(collection->facts.version), "%.*s",
                 (int)strcspn(version, "/"), version);
        if (pyro_tarball_read_all(tarball, MODULE_MAX, &collection->modules[i],
                                  &collection->module_sizes[i], error) < 0)
            return -1;
        return suffix[3] ? decompress(&collection->modules[i], &collection->module_sizes[i], error)
                         : 0;
    }
    return 0;
}

static int count_packages(struct collection *collection, struct pyro_tarball *tarball,
                          struct pyro_error *error)
{
    static const char installed[] = "Status: install ok installed\n";
    cleanup_free uint8_t *status = NULL;
    size_t size;
    if (pyro_tarball_read_all(tarball, STATUS_MAX, &status, &size, error) < 0)
        return -1;
    for (const char *at = (char *)status; (at = strstr(at, installed)); at += strlen(installed))
        collection->facts.package_count++;
    return 0;
}

static int take_entry(struct collection *collection, struct pyro_tarball *tarball,
                      struct pyro_error *error)
{
    if (archive_entry_filetype(tarball->entry) != AE_IFREG ||
        archive_entry_hardlink(tarball->entry))
        return 0;
    if (strcmp(tarball->path, PYRO_HOST_PART "/vmlinuz") == 0 && !collection->kernel)
        return pyro_tarball_read_all(tarball, KERNEL_MAX, &collection->kernel,
                                     &collection->kernel_size, error);
    if (strcmp(tarball->path, "var/lib/dpkg/status") == 0)
        return count_packages(collection, tarball, error);
    return take_module(collection, tarball, error);
}

static int check_complete(const struct collection *collection, struct pyro_error *error)
{
    if (!collection->kernel)
        return pyro_error_set(error, PYRO_ERROR_PULL_FAILED, "the build holds no kernel");
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (!collection->modules[i])
            return pyro_error_set(error, PYRO_ERROR_PULL_FAILED,
                                  "the build holds no kernel module %s", wanted[i].name);
    }
    return 0;
}

/* Under emulation the decompressor would take a quarter of the whole boot. */
static int unpack_kernel(struct collection *collection, struct pyro_error *error)
{
    uint8_t *plain;
    size_t size;
    int r = pyro_vmlinux_unpack(collection->kernel, collection->kernel_size, &plain, &size);
    if (r == -ENOMEM)
        return pyro_error_no_memory(error);
    collection->facts.file = r < 0 ? PYRO_KERNEL_PACKED : PYRO_KERNEL_PLAIN;
    if (r < 0)
        return 0;
    free(collection->kernel);
    collection->kernel = plain;
    collection->kernel_size = size;
    return 0;
}

static int write_modules(const struct collection *collection, int directory)
{
    cleanup_close int fd =
        openat(directory, "modules.cpio", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    struct pyro_cpio cpio = {.fd = fd};
    int r = pyro_cpio_add(&cpio, "modules", S_IFDIR | 0755, 0, NULL, 0);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(wanted); i++) {
        char name[64];
        snprintf(name, sizeof(name), "modules/%s", wanted[i].file);
        r = pyro_cpio_add(&cpio, name, S_IFREG | 0644, 0, collection->modules[i],
                          collection->module_sizes[i]);
    }
    return r == 0 ? pyro_cpio_end(&cpio) : r;
}

int pyro_kernel_extract(int tar_fd, int directory, struct pyro_kernel_facts *ret_facts,
                        struct pyro_error *error)
{
    struct pyro_tarball tarball;
    struct collection collection = {0};
    if (pyro_tarball_open(&tarball, tar_fd, error) < 0)
        return -1;
    int r;
    while ((r = pyro_tarball_next(&tarball, error)) > 0 &&
           (r = take_entry(&collection, &tarball, error)) == 0)
        ;
    pyro_tarball_finish(&tarball);
    if (r == 0)
        r = check_complete(&collection, error);
    if (r == 0)
        r = unpack_kernel(&collection, error);
    if (r == 0) {
        r = pyro_file_replace_at(directory, collection.facts.file, collection.kernel,
                                 collection.kernel_size, 0600, 1);
        if (r == 0)
            r = write_modules(&collection, directory);
        if (r < 0)
            r = pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "writing the kernel");
    }
    *ret_facts = collection.facts;
    collection_finish(&collection);
    return r;
}
