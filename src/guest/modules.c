/* The initramfs names its modules so that their order is the order of loading: 0*.ko is what every
 * guest needs, 1*.ko drives a network card and is loaded only where there is one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "guest/boot.h"
#include "guest/console.h"

static void load(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "/modules/%s", name);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        pyro_power_off_because("cannot load the kernel module %s: %s", name, strerror(errno));
}

static bool is_network_card(const char *device)
{
    char path[300];
    cleanup_free char *text = NULL;
    snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/device", device);
    return pyro_file_read_at(AT_FDCWD, path, 64, &text, NULL) == 0 && strtoul(text, NULL, 16) == 1;
}

/* The virtio devices are known once virtio_mmio is loaded. */
static bool has_network_card(void)
{
    DIR *devices = opendir("/sys/bus/virtio/devices");
    bool found = false;
    struct dirent *entry;
    while (devices && !found && (entry = readdir(devices)))
        found = entry->d_name[0] != '.' && is_network_card(entry->d_name);
    if (devices)
        closedir(devices);
    return found;
}

void pyro_modules_load(void)
{
    struct dirent **entries;
    int count = scandir("/modules", &entries, NULL, alphasort);
    if (count < 0)
        return; /* a kernel that has the drivers built in needs none */
    bool all = false;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] == '1' && !all)
            all = has_network_card();
        if (name[0] == '0' || (name[0] == '1' && all))
            load(name);
        free(entries[i]);
    }
    free(entries);
}
