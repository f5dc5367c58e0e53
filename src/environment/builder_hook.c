#include "environment/builder.h"

#include "environment/image.h"

/* The scripts end without a newline: mmdebstrap first asks whether they are names of files, and
 * Perl finds a newline at the end of a name suspicious. */

/* Not by mmdebstrap's --dpkgopt: for its sake mmdebstrap would pass every package of the base
 * system through a filter of its own, which takes longer than unpacking it. */
const char pyro_builder_extract_hook[] =
    "set -eu\n"
    "root=$1\n"
    "cat > \"$root/etc/dpkg/dpkg.cfg.d/50pyro\" <<'END'\n"
    "path-exclude=/usr/share/locale/*\n"
    "path-include=/usr/share/locale/locale.alias\n"
    "path-exclude=/usr/share/man/[a-z][a-z]/*\n"
    "path-exclude=/usr/share/man/[a-z][a-z]_*\n"
    "END\n"
    "cd \"$root/usr/share\"\n"
    "find locale -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -r {} +\n"
    "rm -rf man/[a-z][a-z] man/[a-z][a-z]_*";

/* The kernel's package is unpacked, not installed: installing would draw in what makes an initrd.
 * It cannot be unpacked over the root, where it would replace the symlink /lib by a directory. Of
 * the drivers only those stay that a virtual machine can use. */
#define KERNEL_SCRIPT                                                                              \
    "set -eu\n"                                                                                    \
    "work=$(mktemp -d)\n"                                                                          \
    "cd \"$work\"\n"                                                                               \
    "package=$(apt-cache depends --no-recommends --no-suggests \"$1\" |\n"                         \
    "    sed -n 's/^ *Depends: \\(linux-image-[^ ]*\\).*/\\1/p' | head -n 1)\n"                    \
    "apt-get -q -o APT::Sandbox::User=root download \"$package\"\n"                                \
    "dpkg-deb -x ./*.deb tree\n"                                                                   \
    "mkdir /" PYRO_HOST_PART "\n"                                                                  \
    "mv tree/boot/vmlinuz-* /" PYRO_HOST_PART "/vmlinuz\n"                                         \
    "mkdir -p /usr/lib/modules\n"                                                                  \
    "mv tree/lib/modules/* /usr/lib/modules/\n"                                                    \
    "cd /usr/lib/modules/*\n"                                                                      \
    "rm -rf \"$work\"\n"                                                                           \
    "find kernel/drivers -mindepth 1 -maxdepth 1 ! -name block ! -name char ! -name md \\\n"       \
    "    ! -name net ! -name virtio -exec rm -r {} +\n"                                            \
    "rm -rf kernel/drivers/net/ethernet kernel/drivers/net/wireless kernel/arch kernel/virt\n"     \
    "depmod \"${PWD##*/}\"\n"

/* Names and resolver of the building host do not belong into a guest. Sources are named after the
 * packages' own, wherever these come from. */
#define IDENTITY_SCRIPT                                                                            \
    "rm -f \"$root/etc/resolv.conf\"\n"                                                            \
    ": > \"$root/etc/resolv.conf\"\n"                                                              \
    ": > \"$root/etc/machine-id\"\n"                                                               \
    "echo pyro > \"$root/etc/hostname\"\n"                                                         \
    "printf '127.0.0.1\\tlocalhost pyro\\n::1\\tlocalhost ip6-localhost\\n' > "                    \
    "\"$root/etc/hosts\"\n"                                                                        \
    "if [ \"$SOURCE_PACKAGES\" = yes ]; then\n"                                                    \
    "    sed -i '/^deb /{p;s/^deb /deb-src /}' \"$root/etc/apt/sources.list\"\n"                   \
    "fi\n"                                                                                         \
    "mkdir -p -m 0755 \"$root/workspace\""

const char pyro_builder_hook[] = "set -eu\n"
                                 "root=$1\n"
                                 "exec >&2\n"
                                 "cat > \"$root/kernel.sh\" <<'END'\n" KERNEL_SCRIPT "END\n"
                                 "chroot \"$root\" sh /kernel.sh \"$KERNEL_PACKAGE\"\n"
                                 "rm \"$root/kernel.sh\"\n" IDENTITY_SCRIPT;
