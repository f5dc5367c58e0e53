/* Kernels that unpack, that are packed in another way, and that lie. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "environment/vmlinux.h"
#include "tap.h"

enum {
    LOAD_AT = 0x1000000,
    CONTENT = 8192,
    PAYLOAD_AT = 3 * 512, /* two sectors of setup and the boot sector */
    ROOM = 64 << 10,
};

/* An ELF file with one loaded segment and one note. */
struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr load, notes;
    struct {
        Elf64_Nhdr other;
        char other_name[4], other_value[8];
        Elf64_Nhdr entry;
        char entry_name[4];
        uint64_t entry_value;
    } note;
    uint8_t content[CONTENT];
};

static const struct elf good_elf = {
    .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = EM_X86_64,
               .e_phoff = offsetof(struct elf, load),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 2},
    .load = {.p_type = PT_LOAD,
             .p_offset = offsetof(struct elf, content),
             .p_paddr = LOAD_AT,
             .p_filesz = CONTENT,
             .p_memsz = CONTENT},
    .notes = {.p_type = PT_NOTE,
              .p_offset = offsetof(struct elf, note),
              .p_filesz = sizeof(good_elf.note)},
    .note = {.other = {.n_namesz = 3, .n_descsz = 5, .n_type = 18},
             .other_name = "GNU",
             .entry = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
             .entry_name = "Xen",
             .entry_value = LOAD_AT + 16},
};

struct image {
    uint8_t bytes[ROOM];
    size_t size;
};

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* What the kernel's build does with its file: packed, its size at the end, behind a setup header.
 */
static void make_image(struct image *image, const struct elf *elf, size_t size, int filter)
{
    *image = (struct image){0};
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    size_t length = 0;
    archive_write_set_format_raw(archive);
    archive_write_add_filter(archive, filter);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_entry_set_filetype(entry, AE_IFREG);
    if (archive_write_open_memory(archive, image->bytes + PAYLOAD_AT, ROOM - PAYLOAD_AT - 64,
                                  &length) != ARCHIVE_OK ||
        archive_write_header(archive, entry) != ARCHIVE_OK ||
        archive_write_data(archive, elf, size) != (la_ssize_t)size ||
        archive_write_close(archive) != ARCHIVE_OK)
        abort();
    archive_entry_free(entry);
    archive_write_free(archive);
    if (filter != ARCHIVE_FILTER_GZIP) {
        put32(image->bytes + PAYLOAD_AT + length, (uint32_t)size);
        length += 4;
    }
    image->bytes[0x1f1] = 1;
    put32(image->bytes + 0x1fe, 0xaa55);
    memcpy(image->bytes + 0x202, "HdrS\x0f\x02", 6);
    put32(image->bytes + 0x248, PAYLOAD_AT - 2 * 512);
    put32(image->bytes + 0x24c, (uint32_t)length);
    image->size = PAYLOAD_AT + length + 32;
}

static int unpack(const uint8_t *bytes, size_t size)
{
    /* A copy of its own size, so that a sanitizer sees what reads beyond it. */
    cleanup_free uint8_t *copy = malloc(size ? size : 1), *plain = NULL;
    size_t plain_size = 0;
    memcpy(copy, bytes, size);
    return pyro_vmlinux_unpack(copy, size, &plain, &plain_size);
}

static int unpack_elf(const struct elf *elf, size_t size)
{
    struct image image;
    make_image(&image, elf, size, ARCHIVE_FILTER_GZIP);
    return unpack(image.bytes, image.size);
}

static void test_unpacks(void)
{
    static const struct {
        int filter;
        const char *name;
    } filters[] = {
        {ARCHIVE_FILTER_GZIP, "gzip"},
        {ARCHIVE_FILTER_XZ, "xz"},
        {ARCHIVE_FILTER_LZ4, "lz4"},
        {ARCHIVE_FILTER_ZSTD, "zstd"},
    };
    struct image image;
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        cleanup_free uint8_t *plain = NULL;
        size_t size = 0;
        make_image(&image, &good_elf, sizeof(good_elf), filters[i].filter);
        is_int(pyro_vmlinux_unpack(image.bytes, image.size, &plain, &size), 0, filters[i].name);
        ok(size == sizeof(good_elf) && memcmp(plain, &good_elf, size) == 0, "%s: what was packed",
           filters[i].name);
    }
    make_image(&image, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_BZIP2);
    is_int(unpack(image.bytes, image.size), -ENOTSUP, "packed in a way that is not known");
    make_image(&image, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_NONE);
    is_int(unpack(image.bytes, image.size), -ENOTSUP, "not packed at all");
}

/* Debian's kernels have lz4 as it was before it had frames, which libarchive does not write. */
static void test_legacy_lz4(void)
{
    struct image image;
    uint8_t *at = image.bytes + PAYLOAD_AT;
    make_image(&image, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_NONE);
    size_t left = sizeof(good_elf);
    const uint8_t *from = (const uint8_t *)&good_elf;
    uint8_t *start = at;
    put32(at, 0x184c2102);
    /* One block, and in it one run of literals: 15 and the rest of its length in bytes of 255. */
    uint8_t *block = at + 8;
    *block++ = 0xf0;
    for (left -= 15; left >= 255; left -= 255)
        *block++ = 255;
    *block++ = (uint8_t)left;
    memcpy(block, from, sizeof(good_elf));
    block += sizeof(good_elf);
    put32(at + 4, (uint32_t)(block - at - 8));
    put32(block, sizeof(good_elf));
    put32(image.bytes + 0x24c, (uint32_t)(block + 4 - start));
    is_int(unpack(image.bytes, (size_t)(block + 4 - image.bytes)), 0, "legacy lz4");
}

static void test_truncated(void)
{
    struct image image;
    int unpacked = 0;
    make_image(&image, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_XZ);
    for (size_t size = 0; size < image.size - 32; size++)
        unpacked += unpack(image.bytes, size) == 0;
    is_int(unpacked, 0, "an image that was cut anywhere");
    unpacked = 0;
    for (size_t size = 0; size < sizeof(good_elf); size++)
        unpacked += unpack_elf(&good_elf, size) == 0;
    is_int(unpacked, 0, "a kernel that was cut anywhere");
}

/* Every header field with numbers that point elsewhere. */
static void test_lying_header(void)
{
    static const uint32_t lies[] = {0, 3, 0x7fffffff, 0xffffffff, 0xfffffc00};
    struct image good, image;
    int unpacked = 0;
    make_image(&good, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_GZIP);
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        image = good;
        put32(image.bytes + 0x248, lies[i]);
        unpacked += unpack(image.bytes, image.size) == 0;
        image = good;
        put32(image.bytes + 0x24c, lies[i]);
        unpacked += unpack(image.bytes, image.size) == 0;
    }
    is_int(unpacked, 0, "a payload that lies elsewhere");
    image = good;
    image.bytes[0x206] = 7;
    is_int(unpack(image.bytes, image.size), -ENOTSUP, "a header before there was a payload in it");
    image = good;
    image.bytes[0x202] = 'X';
    is_int(unpack(image.bytes, image.size), -EBADMSG, "no header");
}

static void test_lying_size(void)
{
    static const uint32_t lies[] = {0, sizeof(good_elf) - 1, sizeof(good_elf) + 1, 256u << 20,
                                    0xffffffff};
    struct image image;
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        make_image(&image, &good_elf, sizeof(good_elf), ARCHIVE_FILTER_ZSTD);
        put32(image.bytes + image.size - 32 - 4, lies[i]);
        char name[64];
        snprintf(name, sizeof(name), "says that it unpacks to %u bytes", lies[i]);
        is_int(unpack(image.bytes, image.size), -EBADMSG, name);
    }
}

static void refuses(const struct elf *elf, const char *name)
{
    is_int(unpack_elf(elf, sizeof(*elf)), -ENOTSUP, name);
}

static void test_other_files(void)
{
    struct elf elf = good_elf;
    elf.header.e_machine = EM_AARCH64;
    refuses(&elf, "another processor's");
    elf = good_elf;
    elf.header.e_ident[EI_CLASS] = ELFCLASS32;
    refuses(&elf, "a 32-bit file");
    elf = good_elf;
    elf.header.e_type = ET_DYN;
    refuses(&elf, "not an executable");
    elf = good_elf;
    elf.header.e_phoff = UINT64_MAX - 8;
    refuses(&elf, "segments beyond the end");
    elf = good_elf;
    elf.header.e_phnum = 0xffff;
    elf.note.entry.n_type = 17;
    refuses(&elf, "too many segments");
    elf = good_elf;
    elf.load.p_filesz = UINT64_MAX;
    refuses(&elf, "a segment that is not there");
}

static void test_other_notes(void)
{
    struct elf elf = good_elf;
    elf.note.entry.n_type = 17;
    refuses(&elf, "no entry");
    elf = good_elf;
    memcpy(elf.note.entry_name, "Xin", 4);
    refuses(&elf, "somebody else's note");
    elf = good_elf;
    elf.note.entry_value = LOAD_AT + CONTENT;
    refuses(&elf, "an entry behind the segment");
    elf = good_elf;
    elf.note.entry_value = LOAD_AT - 1;
    refuses(&elf, "an entry before the segment");
    elf = good_elf;
    elf.note.entry.n_descsz = 2;
    refuses(&elf, "an entry that is too short");
    elf = good_elf;
    elf.note.other.n_namesz = 0xffffffff;
    refuses(&elf, "a note's name without end");
    elf = good_elf;
    elf.note.other.n_descsz = 0xfffffffe;
    refuses(&elf, "a note's value without end");
    elf = good_elf;
    elf.notes.p_filesz = 30;
    refuses(&elf, "notes that end within one");
    elf = good_elf;
    elf.notes.p_offset = UINT64_MAX;
    refuses(&elf, "notes that are not there");
}

int main(void)
{
    test_unpacks();
    test_legacy_lz4();
    test_truncated();
    test_lying_header();
    test_lying_size();
    test_other_files();
    test_other_notes();
    return tap_done();
}
