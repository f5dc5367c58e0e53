/* What a service writes and what a shell shows, kept in a bounded run of files of one directory.
 *
 * One process writes, any number read at the same time and after it, without a lock. A file is a
 * segment, NAME.PPPPPPPPPPPPPPPPPPPP: 20 digits that say how many units came before it. Units are
 * bytes, or characters of valid UTF-8. Segments only grow; what could not be written shows as a gap
 * between one's end and the next one's name. Their content is whatever a guest wrote, and their
 * owner may have edited them. */
#ifndef PYRO_SUPERVISOR_LOG_H
#define PYRO_SUPERVISOR_LOG_H

#include <stddef.h>
#include <stdint.h>

enum pyro_log_unit { PYRO_LOG_BYTES, PYRO_LOG_CHARACTERS };

enum {
    PYRO_LOG_NAME_SIZE = 16,
    PYRO_LOG_PART_MOST = 64 << 20, /* bytes; a part is never larger */
};

struct pyro_log_writer {
    int directory; /* borrowed */
    char name[PYRO_LOG_NAME_SIZE];
    enum pyro_log_unit unit;
    uint64_t keep, segment_most; /* bytes */
    int fd;                      /* of the newest segment; -1: the next write begins one */
    uint64_t segment_bytes;      /* in it */
    uint64_t position;           /* units so far, those that were lost included */
    uint8_t carry[4];            /* CHARACTERS: the bytes of a character that is not whole yet */
    size_t carry_size;
};

/* Removes what is kept under that name: the log begins anew at 0. At least the last `keep` bytes
 * (4 KiB to 1 GiB; others are taken as the nearest of these) are kept, and about a segment more: an
 * eighth of it, or up to 8 KiB of a small log. `name` is short and no path. 0 or a negative errno;
 * finish only after success. */
int pyro_log_writer_init(struct pyro_log_writer *writer, int directory, const char *name,
                         enum pyro_log_unit unit, uint64_t keep);

/* CHARACTERS: what is no UTF-8 becomes U+FFFD as pyro_text_to_utf8() does it, also when a
 * character comes in two writes. Never fails: what the disk does not take is a gap. */
void pyro_log_write(struct pyro_log_writer *writer, const void *bytes, size_t size);

/* Nothing more comes: an unfinished character becomes U+FFFD. What is kept stays. */
void pyro_log_writer_finish(struct pyro_log_writer *writer);

/* Part of a log, contiguous. */
struct pyro_log_part {
    uint64_t start; /* position of its first unit: the cursor that was asked for, or later when that
                       is not kept (start - cursor units are lost) */
    uint64_t next;  /* position behind its last unit */
    uint64_t end;   /* position behind the last unit that is kept */
    char *text;     /* `size` bytes and a NUL, CHARACTERS: valid UTF-8; owned by the part */
    size_t size;
};

/* Reads at most `most` units from `cursor` on. Fewer than there are when PYRO_LOG_PART_MOST or a
 * gap is in the way: the next read, from `next`, tells of it. An empty part with start = next = end
 * when `cursor` is at the end or beyond; all of it 0 when there is no such log. 0 or a negative
 * errno, the part is empty then. */
int pyro_log_read(int directory, const char *name, enum pyro_log_unit unit, uint64_t cursor,
                  uint64_t most, struct pyro_log_part *ret_part);
void pyro_log_part_finish(struct pyro_log_part *part);

/* For whoever reads again and again: CHARACTERS that were read to their end are not looked through
 * once more. */
struct pyro_log_reader {
    int directory; /* borrowed, as the name is */
    const char *name;
    enum pyro_log_unit unit;
    int fd;                    /* of the segment that was the newest; -1: none */
    uint64_t offset, position; /* its end then: bytes in it, units in all */
};

void pyro_log_reader_init(struct pyro_log_reader *reader, int directory, const char *name,
                          enum pyro_log_unit unit);
/* As pyro_log_read(). `known_end`: where the log ends, as its writer has just said: more of it may
 * be left for the next read. 0: that is not known, all that there is counts. */
int pyro_log_reader_read(struct pyro_log_reader *reader, uint64_t cursor, uint64_t most,
                         uint64_t known_end, struct pyro_log_part *ret_part);
void pyro_log_reader_finish(struct pyro_log_reader *reader);

/* BYTES: the position where the last `lines` lines begin, and where they end: what is written
 * meanwhile is not of them. A last line without line break counts; 0 lines begin at the end. No
 * further back than what is kept. 0 or a negative errno. */
int pyro_log_find_tail(int directory, const char *name, uint64_t lines, uint64_t *ret_position,
                       uint64_t *ret_end);

#endif
