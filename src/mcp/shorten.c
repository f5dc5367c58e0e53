#include "mcp/shorten.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { STRING_LEAST = 256 };

/* What is being cut, and how. */
struct shortener {
    const char *rest;
    size_t string_max;
};

static json_t *shorten_object(const struct shortener *how, const json_t *object);

/* `whole_size`: what there was before anybody cut it. */
static json_t *shorten_text(const struct shortener *how, const char *text, size_t size,
                            size_t whole_size)
{
    size_t head = how->string_max / 2, tail = how->string_max - head;
    head -= pyro_text_unfinished(text, head);
    const char *end = text + size - tail;
    size_t cut = pyro_text_continued(end, tail);
    tail -= cut;
    end += cut;
    cleanup_free char *line =
        pyro_text_format("%s[pyro: %zu bytes left out here; %s]\n",
                         text[head - 1] == '\n' ? "" : "\n", whole_size - head - tail, how->rest);
    size_t line_size = line ? strlen(line) : 0;
    cleanup_free char *joined = malloc(head + line_size + tail);
    if (!line || !joined)
        return NULL;
    char *at = mempcpy(mempcpy(joined, text, head), line, line_size);
    memcpy(at, end, tail);
    return json_stringn(joined, head + line_size + tail);
}

/* Streams that an operation has cut itself say how long they were: NAME_bytes. */
static size_t whole_size(const json_t *object, const char *name, size_t size)
{
    cleanup_free char *key = pyro_text_format("%s_bytes", name);
    int64_t told = key ? pyro_json_integer(object, key, 0) : 0;
    return told > 0 && (uint64_t)told > size ? (size_t)told : size;
}

static int set_string(const struct shortener *how, const json_t *object, const char *name,
                      const json_t *value, json_t *shortened)
{
    size_t size = json_string_length(value);
    if (size <= how->string_max)
        return json_object_set(shortened, name, (json_t *)value);
    json_t *cut = shorten_text(how, json_string_value(value), size, whole_size(object, name, size));
    if (json_object_set_new(shortened, name, cut) < 0)
        return -1;
    cleanup_free char *own = pyro_text_format("%s_truncated", name);
    const char *key = own && json_object_get(object, own) ? own : "truncated";
    if (json_is_boolean(json_object_get(object, key)))
        return json_object_set_new(shortened, key, json_true());
    return 0;
}

/* Every object of a list gets its part of the room. */
static int set_list(const struct shortener *how, const char *name, const json_t *value,
                    json_t *shortened)
{
    size_t size = json_array_size(value), shown = MIN(size, (size_t)PYRO_MCP_LIST_MAX);
    size_t each = shown ? PYRO_MCP_LIST_STRINGS_MAX / shown : 0;
    const struct shortener narrower = {how->rest,
                                       MAX(MIN(each, how->string_max), (size_t)STRING_LEAST)};
    json_t *list = json_array();
    for (size_t i = 0; list && i < shown; i++) {
        const json_t *member = json_array_get(value, i);
        json_t *copy =
            json_is_object(member) ? shorten_object(&narrower, member) : json_deep_copy(member);
        if (json_array_append_new(list, copy) < 0) {
            json_decref(list);
            return -1;
        }
    }
    if (json_object_set_new(shortened, name, list) < 0 || shown == size)
        return list ? 0 : -1;
    cleanup_free char *key = pyro_text_format("%s" PYRO_MCP_LEFT_OUT, name);
    return json_object_set_new(shortened, key, json_integer((json_int_t)(size - shown)));
}

static int set(const struct shortener *how, const json_t *object, const char *name,
               const json_t *value, json_t *shortened)
{
    if (json_is_null(value) || json_object_get(shortened, name)) /* or set with its string */
        return 0;
    if (json_is_string(value))
        return set_string(how, object, name, value, shortened);
    if (json_is_object(value))
        return json_object_set_new(shortened, name, shorten_object(how, value));
    if (json_is_array(value))
        return set_list(how, name, value, shortened);
    return json_object_set(shortened, name, (json_t *)value);
}

static json_t *shorten_object(const struct shortener *how, const json_t *object)
{
    cleanup_json json_t *shortened = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (set(how, object, name, value, shortened) < 0)
            return NULL;
    }
    return steal_pointer(&shortened);
}

json_t *pyro_mcp_shorten(const json_t *result, const char *rest)
{
    const struct shortener how = {rest, PYRO_MCP_STRING_MAX};
    return shorten_object(&how, result);
}
