/* Short cuts over jansson: typed members with a default, for JSON that pyro wrote itself or that a
 * user may have edited. A member of the wrong type counts as missing. */
#ifndef PYRO_BASE_JSON_H
#define PYRO_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define cleanup_json __attribute__((cleanup(pyro_cleanup_json)))

static inline void pyro_cleanup_json(json_t **value)
{
    json_decref(*value);
}

/* The member's text, good as long as the object; `fallback` if it is not there. */
const char *pyro_json_text(const json_t *object, const char *key, const char *fallback);
int64_t pyro_json_integer(const json_t *object, const char *key, int64_t fallback);
double pyro_json_real(const json_t *object, const char *key, double fallback);
bool pyro_json_boolean(const json_t *object, const char *key, bool fallback);

/* Parses a file of at most `cap` bytes. A new reference, or NULL with a negative errno in
 * `ret_errno` (-EBADMSG when it is not JSON). */
json_t *pyro_json_file_read_at(int directory, const char *path, size_t cap, int *ret_errno);

/* Writes it pretty-printed, replacing the file in one step. 0 or a negative errno. */
int pyro_json_file_replace_at(int directory, const char *path, const json_t *value, int durable);

#endif
