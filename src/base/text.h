/* Text: formatting, quoting for a shell, nearest names, valid UTF-8. */
#ifndef PYRO_BASE_TEXT_H
#define PYRO_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* A formatted string to be freed, NULL when out of memory. */
char *pyro_text_format(const char *format, ...) PYRO_PRINTF(1, 2);

/* The words as a shell would read them back, joined by spaces. To be freed; NULL when out of
 * memory. */
char *pyro_text_shell_join(const char *const *words, size_t count);

/* The known names that look like `word`, best first, as "a, b or c"; empty string when none is
 * near. To be freed; NULL when out of memory. `names` ends with NULL. */
char *pyro_text_nearest(const char *word, const char *const *names);

/* A copy in which every byte sequence that is not UTF-8 became U+FFFD (one for each maximal broken
 * part, as Unicode 15, chapter 3.9 recommends); NUL stays. To be freed. NULL when out of memory. */
char *pyro_text_to_utf8(const void *bytes, size_t size, size_t *ret_size);

/* How many bytes at the start are valid UTF-8; `size` when all of them are. */
size_t pyro_text_valid(const void *bytes, size_t size);

/* How many bytes at the end, 0 to 3, belong to a UTF-8 character that goes on behind the end. */
size_t pyro_text_unfinished(const void *bytes, size_t size);

/* How many bytes at the start, 0 to 3, belong to a UTF-8 character that began before it. */
size_t pyro_text_continued(const void *bytes, size_t size);

/* Characters in valid UTF-8: the bytes that continue none. */
size_t pyro_text_count(const void *bytes, size_t size);

/* Passes over characters of valid UTF-8: as many as `left` says, which is counted down, or as there
 * are. Returns their bytes. */
size_t pyro_text_pass(const void *bytes, size_t size, uint64_t *left);

#endif
