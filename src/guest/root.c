/* The disk becomes the root directory: mounted, grown to the size of the device, switched to. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/boot.h"
#include "guest/console.h"

#define EXT4_RESIZE_FS _IOW('f', 16, uint64_t) /* not in any header for programs */

static const char disk[] = "/dev/vda";
static const char mounted[] = "/root";

/* With barriers, until SETUP says that nobody needs them: the journal of a guest that was killed is
 * replayed here, and that must be in order too. Inode tables that were never used stay as they are:
 * without the word, the kernel zeroes them in the background. */
static const char options[] = "noinit_itable";
/* To grow: with noinit_itable, the resize itself would zero all the new tables. */
static const char growing_options[] = "init_itable";

static void wait_for_disk(void)
{
    enum { PATIENCE_MS = 10000 };
    uint64_t deadline = pyro_now_ms() + PATIENCE_MS;
    while (access(disk, F_OK) < 0) {
        if (pyro_now_ms() >= deadline)
            pyro_power_off_because("there is no disk %s after %d s", disk, PATIENCE_MS / 1000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static uint32_t get32(const uint8_t *superblock, size_t offset)
{
    uint32_t value;
    memcpy(&value, superblock + offset, sizeof(value));
    return le32toh(value);
}

/* How many blocks fit on the device, and how many the file system on it has. */
static int measure(uint64_t *ret_fit, uint64_t *ret_used)
{
    enum { BLOCKS_LOW = 0x4, BLOCK_SIZE_LOG = 0x18, BLOCKS_HIGH = 0x150, SIZE = 0x154 };
    uint8_t superblock[SIZE];
    uint64_t size;
    cleanup_close int fd = open(disk, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 ||
        pread(fd, superblock, sizeof(superblock), 1024) != sizeof(superblock))
        return -1;
    *ret_fit = size >> (10 + (get32(superblock, BLOCK_SIZE_LOG) & 15));
    *ret_used = get32(superblock, BLOCKS_LOW) | (uint64_t)get32(superblock, BLOCKS_HIGH) << 32;
    return 0;
}

/* An image may be as small as its files; the device is as large as the guest may fill. */
static void grow(uint64_t blocks)
{
    cleanup_close int root = open(mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || ioctl(root, EXT4_RESIZE_FS, &blocks) < 0)
        pyro_console_log("cannot grow the file system on %s: %s", disk, strerror(errno));
    if (mount("", mounted, NULL, MS_REMOUNT | MS_NOATIME, options) < 0)
        pyro_console_log("cannot remount %s: %s", disk, strerror(errno));
}

static void move_to_disk(const char *from, const char *to)
{
    mkdir(to, 0755);
    if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
        pyro_power_off_because("cannot move %s to the disk: %s", from, strerror(errno));
}

/* The initramfs cannot be unmounted, only emptied; this program stays in memory while it runs. */
static void switch_root(void)
{
    move_to_disk("/dev", "/root/dev");
    move_to_disk("/sys", "/root/sys");
    pyro_tree_remove_at(AT_FDCWD, "/modules");
    unlink("/init");
    if (chdir(mounted) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0)
        pyro_power_off_because("cannot make the disk the root directory: %s", strerror(errno));
}

void pyro_root_enter(void)
{
    uint64_t fit, used;
    wait_for_disk();
    mkdir(mounted, 0755);
    bool must_grow = measure(&fit, &used) == 0 && used < fit;
    if (mount(disk, mounted, "ext4", MS_NOATIME, must_grow ? growing_options : options) < 0)
        pyro_power_off_because("cannot mount %s: %s", disk, strerror(errno));
    if (must_grow)
        grow(fit);
    switch_root();
}
