/* What a terminal was sent, as text for those who are none: language models, logs. */
#ifndef PYRO_OPERATION_PLAIN_H
#define PYRO_OPERATION_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

enum { PYRO_PLAIN_LONGEST = 4096 }; /* bytes of a sequence; what is longer is taken for text */

/* A copy of what begins in the first `most` bytes, without escape sequences and control characters
 * other than line break and tab. Carriage returns, with a line break behind them or not, and what
 * takes the cursor to another line become one line break, but not at the beginning of a line; a
 * backspace takes back the character before it, but no line break (both as far as this text goes
 * back). `text` is UTF-8; `size` and `most` end with a whole character.
 *
 * `ret_used` says how many bytes were looked at, and reading goes on there. Unless `is_end` that
 * may be less than `most` when a sequence or a line's end is not complete in `size` bytes: it never
 * is PYRO_PLAIN_LONGEST or more that stays behind, so with so many bytes beyond `most` it gets on.
 * `ret_size` is without the NUL at the end. To be freed; NULL when out of memory. */
char *pyro_plain_text(const char *text, size_t size, size_t most, bool is_end, size_t *ret_used,
                      size_t *ret_size);

/* How many bytes the sequence has that `text` begins with, an ESC; 0 when it is not complete. */
size_t pyro_escape_length(const char *text, size_t size);

#endif
