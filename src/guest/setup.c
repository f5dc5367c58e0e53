#include "guest/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "guest/network.h"

static int set_clock(const struct pyro_setup *setup)
{
    struct timespec now = {.tv_sec = (time_t)(setup->realtime_ns / 1000000000u),
                           .tv_nsec = (long)(setup->realtime_ns % 1000000000u)};
    return clock_settime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
}

/* Two guests from one template have the same generator until this is done. */
static int add_entropy(const struct pyro_setup *setup)
{
    /* struct rand_pool_info with its flexible end filled in */
    struct {
        int entropy_bits, size;
        uint8_t bytes[PYRO_ENTROPY_SIZE];
    } pool = {.entropy_bits = PYRO_ENTROPY_SIZE * 8, .size = PYRO_ENTROPY_SIZE};
    memcpy(pool.bytes, setup->entropy, sizeof(pool.bytes));
    cleanup_close int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG, NULL) < 0)
        return -errno;
    return 0;
}

static int write_file(const char *path, const char *text)
{
    return pyro_file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, 0);
}

static int set_hostname(const struct pyro_setup *setup)
{
    char line[sizeof(setup->hostname) + 1];
    snprintf(line, sizeof(line), "%s\n", setup->hostname);
    if (sethostname(setup->hostname, strlen(setup->hostname)) < 0)
        return -errno;
    return write_file("/etc/hostname", line);
}

/* Keeps every line of /etc/hosts but the one for 127.0.1.1, which by Debian's custom is the host's
 * own name. */
static int set_hosts(const struct pyro_setup *setup)
{
    enum { LARGEST = 64 * 1024 };
    static const char address[] = "127.0.1.1";
    cleanup_free char *old = NULL;
    int r = pyro_file_read_at(AT_FDCWD, "/etc/hosts", LARGEST, &old, NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    const char *from = old ? old : "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n";
    size_t capacity = strlen(from) + sizeof(setup->hostname) + 16;
    cleanup_free char *text = malloc(capacity);
    if (!text)
        return -ENOMEM;
    char *at = text;
    while (*from) {
        size_t length = strcspn(from, "\n");
        size_t word = strcspn(from, " \t\n");
        if (word != sizeof(address) - 1 || strncmp(from, address, word) != 0) {
            at = mempcpy(at, from, length);
            *at++ = '\n';
        }
        from += length + (from[length] == '\n');
    }
    snprintf(at, capacity - (size_t)(at - text), "%s\t%s\n", address, setup->hostname);
    return write_file("/etc/hosts", text);
}

static int set_machine_id(const struct pyro_setup *setup)
{
    char line[sizeof(setup->machine_id) + 1];
    snprintf(line, sizeof(line), "%s\n", setup->machine_id);
    return write_file("/etc/machine-id", line);
}

static int set_network(const struct pyro_setup *setup)
{
    return setup->has_network ? pyro_network_configure(setup) : 0;
}

/* Without a network the file is emptied: an image may carry the one of the host it was built on. */
static int set_resolver(const struct pyro_setup *setup)
{
    uint32_t dns = setup->has_network ? setup->dns : 0;
    char line[64] = "";
    if (dns)
        snprintf(line, sizeof(line), "nameserver %u.%u.%u.%u\n", dns >> 24, dns >> 16 & 255,
                 dns >> 8 & 255, dns & 255);
    return write_file("/etc/resolv.conf", line);
}

void pyro_setup_apply(const struct pyro_setup *setup, struct pyro_setup_done *ret_done)
{
    static const struct {
        const char *name;
        int (*apply)(const struct pyro_setup *setup);
    } steps[] = {
        {"clock", set_clock},       {"entropy", add_entropy},       {"hostname", set_hostname},
        {"hosts", set_hosts},       {"machine-id", set_machine_id}, {"network", set_network},
        {"resolver", set_resolver},
    };
    *ret_done = (struct pyro_setup_done){0};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        int r = steps[i].apply(setup);
        if (r < 0) {
            ret_done->error = (uint32_t)-r;
            snprintf(ret_done->step, sizeof(ret_done->step), "%s", steps[i].name);
            return;
        }
    }
}
