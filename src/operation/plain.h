/* What a terminal was sent, as text for those who are none: language models, logs. */
#ifndef PYRO_OPERATION_PLAIN_H
#define PYRO_OPERATION_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

enum { PYRO_PLAIN_LONGEST = 4096 }; /* bytes of a sequence; what is longer is taken for text */

/* A copy without escape sequences and control characters other than line break and tab. Carriage
 * returns, with a line break behind them or not, become one line break, but not at the
 * beginning of a line; a backspace takes back the character before it, but no line break (both as
 * far as this text goes back). `text` is UTF-8 and ends with a whole
 * character.
 *
 * `ret_used` says how many bytes were looked at. Unless `is_end` that is less than `size` when
 * a sequence or a line's end is not complete: it never is PYRO_PLAIN_LONGEST or more that stays
 * behind, and reading goes on there. `ret_size` is without the NUL at the end. To be freed; NULL
 * when out of memory. */
char *pyro_plain_text(const char *text, size_t size, bool is_end, size_t *ret_used,
                      size_t *ret_size);

#endif
