#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"

const char *pyro_json_text(const json_t *object, const char *key, const char *fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_string(member) ? json_string_value(member) : fallback;
}

int64_t pyro_json_integer(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_integer(member) ? json_integer_value(member) : fallback;
}

double pyro_json_real(const json_t *object, const char *key, double fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_number(member) ? json_number_value(member) : fallback;
}

bool pyro_json_boolean(const json_t *object, const char *key, bool fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_boolean(member) ? json_boolean_value(member) : fallback;
}

json_t *pyro_json_file_read_at(int directory, const char *path, size_t cap, int *ret_errno)
{
    cleanup_free char *text = NULL;
    size_t size;
    int r = pyro_file_read_at(directory, path, cap, &text, &size);
    if (r < 0) {
        *ret_errno = r;
        return NULL;
    }
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    *ret_errno = value ? 0 : -EBADMSG;
    return value;
}

int pyro_json_file_replace_at(int directory, const char *path, const json_t *value, int durable)
{
    cleanup_free char *text = json_dumps(value, JSON_INDENT(2));
    if (!text)
        return -ENOMEM;
    return pyro_file_replace_at(directory, path, text, strlen(text), 0600, durable);
}
