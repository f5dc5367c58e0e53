/* File trees as a stream of records: what goes into a guest's stdin when a tree is pushed, and
 * comes out of its stdout when one is listed or fetched. docs/PROTOCOL.md, "Trees", is the
 * reference; both ends use this codec, and what it hands out has been checked. */
#ifndef PYRO_WIRE_TREE_H
#define PYRO_WIRE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    PYRO_TREE_PATH_MAX = 4095, /* bytes, without the terminator; Linux's PATH_MAX with it */
    PYRO_TREE_NAME_MAX = 255,  /* of one component */
    PYRO_TREE_DATA_MAX = 64 * 1024,
    PYRO_TREE_RECORD_MAX = PYRO_TREE_DATA_MAX + 64, /* a whole record, its length included */
    PYRO_TREE_MODE_MASK = 01777, /* permissions and the sticky bit: no set-id bit ever travels */
};

enum pyro_tree_type {
    PYRO_TREE_ENTRY = 1,
    PYRO_TREE_DATA = 2,
    PYRO_TREE_DONE = 3,
    PYRO_TREE_TIMES = 4,
    PYRO_TREE_RESULT = 5,
    PYRO_TREE_END = 6,
    PYRO_TREE_WINDOW = 7,
    PYRO_TREE_PLACED = 8,
    PYRO_TREE_TAKEN = 9,
};

enum pyro_tree_kind {
    PYRO_TREE_FILE = 1,
    PYRO_TREE_DIRECTORY = 2,
    PYRO_TREE_SYMLINK = 3,
    PYRO_TREE_LINK = 4,    /* a hard link: `target` is the path of an earlier file of the stream */
    PYRO_TREE_OTHER = 5,   /* a device, a pipe, a socket: told, never carried */
    PYRO_TREE_MISSING = 6, /* answer to a question about a path where nothing is */
};

/* ENTRY: one name of the tree, parents before what is in them. Of a file, DATA follows (runs in
 * order, what lies between them is zeros) and a DONE. */
struct pyro_tree_entry {
    enum pyro_tree_kind kind;
    uint32_t mode;      /* & PYRO_TREE_MODE_MASK */
    uint64_t size;      /* of files, bytes */
    int64_t mtime_ns;   /* since the epoch */
    int64_t ctime_ns;   /* the guest's; 0 from the host */
    uint64_t inode;     /* the guest's; 0 from the host */
    const char *path;   /* relative and safe (below); "" is the root of the tree itself */
    const char *target; /* of symlinks and hard links, else "" */
};

/* DATA: a run of a file's bytes. Within the file's size, behind the run before: the decoder does
 * not know that, the receiver checks. */
struct pyro_tree_data {
    uint64_t offset;
    const uint8_t *bytes;
    uint32_t size; /* 1 to PYRO_TREE_DATA_MAX */
};

/* TIMES: what a directory gets when all in it is there. */
struct pyro_tree_times {
    const char *path;
    uint32_t mode;
    int64_t mtime_ns;
};

/* RESULT: what became of an entry in the guest, in the order of the stream: one for each ENTRY,
 * after its DONE if it is a file. The first error is the last RESULT. */
struct pyro_tree_result {
    uint32_t error; /* errno, 0: it is in */
    uint64_t inode;
    int64_t ctime_ns;
};

/* WINDOW: a piece of the guest's memory which the host may write into by itself, if it shares that
 * memory: it finds `mark` at the address then. Used in PYRO_TREE_WINDOW_SLICES slices, in turns. */
enum {
    PYRO_TREE_LARGE = 4 * 1024 * 1024, /* size from which a file is worth it, bytes */
    PYRO_TREE_MARK_SIZE = 16,
    PYRO_TREE_WINDOW_SLICES = 4,
};
struct pyro_tree_window {
    uint64_t address; /* guest-physical */
    uint32_t size;    /* bytes, a multiple of slices and pages; 0: there is none */
    uint8_t mark[PYRO_TREE_MARK_SIZE];
};

/* PLACED: DATA of which the bytes lie in the next slice of the window, from its start. TAKEN, which
 * has no fields, answers it when they are where they belong: then the slice may be used again. */
struct pyro_tree_placed {
    uint64_t offset; /* in the file */
    uint32_t size;   /* 1 to a slice's */
};

/* One decoded record. Pointers lead into the bytes it was decoded from; texts end with a NUL. */
struct pyro_tree_record {
    enum pyro_tree_type type;
    size_t size; /* of the whole record in the stream */
    union {
        struct pyro_tree_entry entry;
        struct pyro_tree_data data;
        uint32_t done; /* DONE: 0, or the errno for which the file is not to be taken for whole
                          (ESTALE: it changed while it was read) */
        struct pyro_tree_times times;
        struct pyro_tree_result result;
        struct pyro_tree_window window;
        struct pyro_tree_placed placed;
    };
};

/* True for a relative path that names something below its root whatever it is appended to: no empty
 * component, no "." or "..", none longer than PYRO_TREE_NAME_MAX, all of it at most
 * PYRO_TREE_PATH_MAX. "" is the root and safe. */
bool pyro_tree_path_is_safe(const char *path);

/* Looks at the first record in `bytes`. 1 and the record when it is whole; 0 when more bytes are
 * needed; -EPROTO when it is none: unknown, too long, a text with a NUL inside, a path that is not
 * safe, a kind, mode or size that cannot be (a size is at most INT64_MAX). Never reads beyond
 * `size`.
 */
int pyro_tree_decode(const uint8_t *bytes, size_t size, struct pyro_tree_record *ret_record);

/* Each appends one record: 0, -EOVERFLOW (the buffer's cap), -ENOMEM, -EINVAL for what a decoder
 * would refuse. */
int pyro_tree_entry_pack(struct pyro_buffer *out, const struct pyro_tree_entry *entry);
int pyro_tree_data_pack(struct pyro_buffer *out, uint64_t offset, const void *bytes, size_t size);
int pyro_tree_done_pack(struct pyro_buffer *out, uint32_t error);
int pyro_tree_times_pack(struct pyro_buffer *out, const struct pyro_tree_times *times);
int pyro_tree_result_pack(struct pyro_buffer *out, const struct pyro_tree_result *result);
int pyro_tree_end_pack(struct pyro_buffer *out);
int pyro_tree_window_pack(struct pyro_buffer *out, const struct pyro_tree_window *window);
int pyro_tree_placed_pack(struct pyro_buffer *out, const struct pyro_tree_placed *placed);
int pyro_tree_taken_pack(struct pyro_buffer *out);
/* Whichever it is. */
int pyro_tree_record_pack(struct pyro_buffer *out, const struct pyro_tree_record *record);

/* For a sender that reads file data straight into its place: the bytes before the data in a DATA
 * record, which are followed by `size` bytes of data. */
enum { PYRO_TREE_DATA_HEADER_SIZE = 13 };
void pyro_tree_data_header(uint8_t ret_header[PYRO_TREE_DATA_HEADER_SIZE], uint64_t offset,
                           uint32_t size);

#endif
