#include "guest/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "guest/console.h"
#include "guest/identity.h"
#include "guest/network.h"
#include "guest/wallclock.h"

/* Two guests from one template have the same generator until this is done. */
static int add_entropy(const struct pyro_setup *setup)
{
    /* struct rand_pool_info with its flexible end filled in */
    struct {
        int entropy_bits, size;
        uint8_t bytes[PYRO_ENTROPY_SIZE];
    } pool = {.entropy_bits = PYRO_ENTROPY_SIZE * 8, .size = PYRO_ENTROPY_SIZE};
    static int fd = -1; /* stays open: a restored guest need not look for it */
    memcpy(pool.bytes, setup->entropy, sizeof(pool.bytes));
    if (fd < 0)
        fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    int r = fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG, NULL) < 0
                ? -errno
                : 0;
    explicit_bzero(&pool, sizeof(pool));
    return r;
}

/* No printf and, below, no allocation while the texts are small: neither is needed by anything else
 * on the way to the first command (identity.c says why that counts). */
static int write_line(enum pyro_identity_file file, const char *word)
{
    char line[sizeof(((struct pyro_setup *)0)->hostname) + 1];
    strcpy(stpcpy(line, word), "\n");
    return pyro_identity_write(file, line);
}

static int set_hostname(const struct pyro_setup *setup)
{
    if (sethostname(setup->hostname, strlen(setup->hostname)) < 0)
        return -errno;
    return write_line(PYRO_IDENTITY_HOSTNAME, setup->hostname);
}

/* Keeps every line of /etc/hosts but the one for 127.0.1.1, which by Debian's custom is the host's
 * own name. `to` has room for `from` and one line more. */
static void rewrite_hosts(char *to, const char *from, const char *hostname)
{
    static const char address[] = "127.0.1.1";
    while (*from) {
        size_t length = strcspn(from, "\n");
        size_t word = strcspn(from, " \t\n");
        if (word != sizeof(address) - 1 || strncmp(from, address, word) != 0) {
            to = mempcpy(to, from, length);
            *to++ = '\n';
        }
        from += length + (from[length] == '\n');
    }
    to = stpcpy(to, address);
    *to++ = '\t';
    strcpy(stpcpy(to, hostname), "\n");
}

static int set_hosts(const struct pyro_setup *setup)
{
    enum { LARGEST = 64 * 1024 };
    cleanup_free char *old = NULL, *large = NULL;
    const char *from = pyro_identity_mapped(PYRO_IDENTITY_HOSTS);
    char small[1024], *text = small;
    if (!from) {
        int r = pyro_file_read_at(AT_FDCWD, "/etc/hosts", LARGEST, &old, NULL);
        if (r < 0 && r != -ENOENT)
            return r;
        from = old ? old : "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n";
    }
    size_t capacity = strlen(from) + sizeof(setup->hostname) + 16;
    if (capacity > sizeof(small) && !(text = large = malloc(capacity)))
        return -ENOMEM;
    rewrite_hosts(text, from, setup->hostname);
    return pyro_identity_write(PYRO_IDENTITY_HOSTS, text);
}

static int set_machine_id(const struct pyro_setup *setup)
{
    return write_line(PYRO_IDENTITY_MACHINE_ID, setup->machine_id);
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
    return pyro_identity_write(PYRO_IDENTITY_RESOLVER, line);
}

/* The disk of a guest that is thrown away need not be in order at any moment, and nothing is gained
 * by waiting for the host's; one that is kept must be, whenever QEMU or the host dies. */
static int set_disk(const struct pyro_setup *setup)
{
    static bool durable = true; /* as root.c mounts it; in a clone, as its template left it */
    if (setup->durable == durable)
        return 0;
    const char *options = setup->durable ? "barrier,auto_da_alloc" : "nobarrier,noauto_da_alloc";
    if (mount("", "/", NULL, MS_REMOUNT | MS_NOATIME, options) < 0)
        return -errno;
    durable = setup->durable;
    return 0;
}

/* A file that cannot be written, on a disk that somebody keeps: it is full, or a command has put
 * something else there. The guest is of use all the same, for making room if for nothing else. */
static bool may_stay(const struct pyro_setup *setup, const char *step, int r)
{
    if (setup->durable)
        pyro_console_log("%s is left as it was: %s", step, strerror(-r));
    return setup->durable;
}

/* The clock comes last, so that it is right when SETUP_DONE tells that it is. */
static int apply(const struct pyro_setup *setup, uint64_t received_ns, const char **ret_step)
{
    static const struct {
        const char *name;
        int (*apply)(const struct pyro_setup *setup);
        bool is_file;
    } steps[] = {
        {"entropy", add_entropy},   {"hostname", set_hostname, true},
        {"hosts", set_hosts, true}, {"machine-id", set_machine_id, true},
        {"network", set_network},   {"resolver", set_resolver, true},
        {"disk", set_disk},
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        *ret_step = steps[i].name;
        int r = steps[i].apply(setup);
        if (r < 0 && !(steps[i].is_file && may_stay(setup, steps[i].name, r)))
            return r;
    }
    *ret_step = "clock";
    uint64_t since_ns = pyro_clock_ns(CLOCK_MONOTONIC) - received_ns;
    return pyro_wallclock_set(setup->realtime_ns + since_ns);
}

void pyro_setup_apply(const struct pyro_setup *setup, uint64_t received_ns,
                      struct pyro_setup_done *ret_done)
{
    const char *step;
    int r = apply(setup, received_ns, &step);
    *ret_done = (struct pyro_setup_done){0};
    if (r < 0) {
        ret_done->error = (uint32_t)-r;
        snprintf(ret_done->step, sizeof(ret_done->step), "%s", step);
    }
}
