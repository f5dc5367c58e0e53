/* The header is that of the x86 boot protocol; its numbers are offsets into the file. */
#include "environment/vmlinux.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"

enum {
    SECTOR = 512,
    SETUP_SECTS_AT = 0x1f1,
    BOOT_FLAG_AT = 0x1fe,
    MAGIC_AT = 0x202,
    VERSION_AT = 0x206,
    PAYLOAD_OFFSET_AT = 0x248,
    PAYLOAD_LENGTH_AT = 0x24c,
    HEADER_SIZE = 0x250,

    BOOT_FLAG = 0xaa55,
    VERSION_WITH_PAYLOAD = 0x0208,
    DEFAULT_SETUP_SECTS = 4, /* what 0 means */

    KERNEL_MAX = 256 << 20,
    NOTE_PVH_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
};

struct bytes {
    const uint8_t *at;
    size_t size;
};

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

/* A part of `whole`; false when it does not lie within. */
static bool cut(struct bytes whole, uint64_t offset, uint64_t size, struct bytes *ret_part)
{
    if (offset > whole.size || size > whole.size - offset)
        return false;
    *ret_part = (struct bytes){whole.at + offset, (size_t)size};
    return true;
}

static int find_payload(struct bytes image, struct bytes *ret_payload)
{
    if (image.size < HEADER_SIZE || get16(image.at + BOOT_FLAG_AT) != BOOT_FLAG ||
        memcmp(image.at + MAGIC_AT, "HdrS", 4) != 0)
        return -EBADMSG;
    if (get16(image.at + VERSION_AT) < VERSION_WITH_PAYLOAD)
        return -ENOTSUP;
    uint64_t sectors = image.at[SETUP_SECTS_AT];
    uint64_t start = ((sectors ? sectors : DEFAULT_SETUP_SECTS) + 1) * SECTOR;
    if (!cut(image, start + get32(image.at + PAYLOAD_OFFSET_AT),
             get32(image.at + PAYLOAD_LENGTH_AT), ret_payload) ||
        ret_payload->size < sizeof(uint32_t))
        return -EBADMSG;
    return 0;
}

/* The payload's last word is the size of what it unpacks to. In gzip that is part of the format,
 * after the others it has been appended. */
static uint32_t take_unpacked_size(struct bytes *payload)
{
    uint32_t size = get32(payload->at + payload->size - sizeof(size));
    if (memcmp(payload->at, "\x1f\x8b", 2) != 0)
        payload->size -= sizeof(size);
    return size;
}

/* In process: libarchive would start programs for the more exotic formats. */
static struct archive *open_payload(struct bytes payload)
{
    struct archive_entry *entry;
    struct archive *archive = archive_read_new();
    if (archive && archive_read_support_format_raw(archive) == ARCHIVE_OK &&
        archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
        archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
        archive_read_support_filter_lz4(archive) == ARCHIVE_OK &&
        archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
        archive_read_open_memory(archive, payload.at, payload.size) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK &&
        archive_filter_count(archive) > 1) /* else nothing knows how it is packed */
        return archive;
    archive_read_free(archive);
    return NULL;
}

static int unpack(struct bytes payload, uint8_t **ret_bytes, size_t *ret_size)
{
    size_t size = take_unpacked_size(&payload);
    if (size == 0 || size > KERNEL_MAX)
        return -EBADMSG;
    struct archive *archive = open_payload(payload);
    if (!archive)
        return -ENOTSUP;
    /* One byte more than it says shows a payload that says too little. */
    cleanup_free uint8_t *bytes = malloc(size + 1);
    la_ssize_t got = bytes ? archive_read_data(archive, bytes, size + 1) : 0;
    archive_read_free(archive);
    if (!bytes)
        return -ENOMEM;
    if (got < 0 || (size_t)got != size)
        return -EBADMSG;
    *ret_bytes = steal_pointer(&bytes);
    *ret_size = size;
    return 0;
}

static bool get_segment(struct bytes file, const Elf64_Ehdr *header, unsigned index,
                        Elf64_Phdr *ret_segment)
{
    struct bytes part;
    if (header->e_phoff > file.size ||
        !cut(file, header->e_phoff + (uint64_t)index * sizeof(*ret_segment), sizeof(*ret_segment),
             &part))
        return false;
    memcpy(ret_segment, part.at, sizeof(*ret_segment));
    return true;
}

/* Looks for the entry among the notes; their names and values are padded to whole words. */
static bool find_entry(struct bytes notes, uint32_t *ret_entry)
{
    while (notes.size >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        struct bytes name, value;
        memcpy(&note, notes.at, sizeof(note));
        uint64_t value_at = sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ull);
        uint64_t end = value_at + (((uint64_t)note.n_descsz + 3) & ~3ull);
        if (!cut(notes, sizeof(note), note.n_namesz, &name) ||
            !cut(notes, value_at, note.n_descsz, &value))
            return false;
        if (note.n_type == NOTE_PVH_ENTRY && name.size == 4 && memcmp(name.at, "Xen", 4) == 0 &&
            value.size >= sizeof(*ret_entry)) {
            *ret_entry = get32(value.at);
            return true;
        }
        if (!cut(notes, end, notes.size - MIN(end, notes.size), &notes))
            return false;
    }
    return false;
}

static bool find_pvh_entry(struct bytes file, const Elf64_Ehdr *header, uint32_t *ret_entry)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        struct bytes notes;
        if (!get_segment(file, header, i, &segment))
            return false;
        if (segment.p_type == PT_NOTE && cut(file, segment.p_offset, segment.p_filesz, &notes) &&
            find_entry(notes, ret_entry))
            return true;
    }
    return false;
}

/* Whether all that is to be loaded is there, and the entry within it. */
static bool is_loaded(struct bytes file, const Elf64_Ehdr *header, uint32_t entry)
{
    bool loaded = false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        struct bytes content;
        if (!get_segment(file, header, i, &segment))
            return false;
        if (segment.p_type != PT_LOAD)
            continue;
        if (!cut(file, segment.p_offset, segment.p_filesz, &content))
            return false;
        if (entry >= segment.p_paddr && entry - segment.p_paddr < segment.p_filesz)
            loaded = true;
    }
    return loaded;
}

/* What QEMU relies on: an ELF file for this processor, with a PVH entry. */
static bool is_bootable(struct bytes file)
{
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    Elf64_Ehdr header;
    uint32_t entry;
    if (file.size < sizeof(header) || memcmp(file.at, magic, sizeof(magic)) != 0)
        return false;
    memcpy(&header, file.at, sizeof(header));
    return header.e_type == ET_EXEC && header.e_machine == EM_X86_64 &&
           header.e_phentsize == sizeof(Elf64_Phdr) && find_pvh_entry(file, &header, &entry) &&
           is_loaded(file, &header, entry);
}

int pyro_vmlinux_unpack(const uint8_t *image, size_t size, uint8_t **ret_bytes, size_t *ret_size)
{
    struct bytes payload;
    cleanup_free uint8_t *bytes = NULL;
    size_t unpacked;
    int r = find_payload((struct bytes){image, size}, &payload);
    if (r == 0)
        r = unpack(payload, &bytes, &unpacked);
    if (r < 0)
        return r;
    if (!is_bootable((struct bytes){bytes, unpacked}))
        return -ENOTSUP;
    *ret_bytes = steal_pointer(&bytes);
    *ret_size = unpacked;
    return 0;
}
