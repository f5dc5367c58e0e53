/* The capped output: for every size around the cap, in chunks of every size, the head and the tail
 * are the stream's own, and the count of what was left out is right. */
#include "operation/output.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "tap.h"

static uint8_t stream[4096];

/* Letters that tell their position, so that a shifted byte shows. */
static void make_ascii(void)
{
    for (size_t i = 0; i < sizeof(stream); i++)
        stream[i] = (uint8_t)('0' + (i * 7 + i / 64) % 64);
}

static size_t make_utf8(const char *character)
{
    size_t length = strlen(character);
    for (size_t i = 0; i < sizeof(stream); i++)
        stream[i] = (uint8_t)character[i % length];
    return length;
}

static json_t *collect(size_t cap, size_t size, size_t chunk)
{
    struct pyro_output output;
    pyro_output_init(&output, cap);
    for (size_t at = 0; at < size; at += chunk) {
        if (pyro_output_add(&output, stream + at, MIN(chunk, size - at)) < 0)
            exit(1);
    }
    json_t *result = json_object();
    pyro_output_to_json(&output, result, "stdout");
    pyro_output_finish(&output);
    return result;
}

/* True when the text is the stream's head, the line, and the stream's tail, and its count adds up.
 */
static bool holds(const json_t *result, size_t cap, size_t size)
{
    const json_t *value = json_object_get(result, "stdout");
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    bool truncated = pyro_json_boolean(result, "stdout_truncated", false);
    if (pyro_json_integer(result, "stdout_bytes", -1) != (json_int_t)size ||
        !json_is_null(json_object_get(result, "stdout_path")) || truncated != (size > cap))
        return false;
    if (!truncated)
        return length == size && memcmp(text, stream, size) == 0;
    static const char opening[] = "[pyro: ", closing[] = " bytes left out here]\n";
    const char *line = strstr(text, opening), *end = line ? strstr(line, closing) : NULL;
    if (!end)
        return false;
    size_t left_out = strtoull(line + strlen(opening), NULL, 10);
    const char *tail = end + strlen(closing);
    size_t tail_size = length - (size_t)(tail - text);
    size_t head_size = (size_t)(line - text) - (line > text); /* its line break is ours */
    return head_size + left_out + tail_size == size && head_size + tail_size <= cap &&
           head_size + tail_size + 6 >= cap && memcmp(text, stream, head_size) == 0 &&
           memcmp(tail, stream + size - tail_size, tail_size) == 0;
}

/* The stream itself ends with a whole character. */
static void test_sizes(size_t step, const char *name)
{
    static const size_t caps[] = {2, 3, 16, 17, 100, 256, 1023};
    size_t failed = 0;
    for (size_t c = 0; c < ARRAY_SIZE(caps); c++) {
        size_t largest = 3 * caps[c] + 8, stride = largest > 600 ? 13 * step : step;
        for (size_t size = 0; size < largest; size += stride) {
            for (size_t chunk = 1; chunk <= size + 1; chunk += 1 + chunk / 3) {
                cleanup_json json_t *result = collect(caps[c], size, chunk);
                if (!holds(result, caps[c], size) && failed++ == 0)
                    printf("# cap %zu, size %zu, chunk %zu: %s\n", caps[c], size, chunk,
                           pyro_json_text(result, "stdout", "?"));
            }
        }
    }
    is_int(failed, 0, name);
}

static void test_broken_text(void)
{
    memset(stream, 0x80, sizeof(stream));
    cleanup_json json_t *result = collect(64, 1000, 10);
    ok(json_is_string(json_object_get(result, "stdout")), "bytes that are no text are shown");
    memset(stream, 0, sizeof(stream));
    cleanup_json json_t *zeros = collect(64, 64, 10);
    is_int(json_string_length(json_object_get(zeros, "stdout")), 64, "NUL bytes stay");
    memcpy(stream, "a\xff\xf0\x9f", 4);
    cleanup_json json_t *broken = collect(64, 4, 4);
    is_text(pyro_json_text(broken, "stdout", ""), "a\xef\xbf\xbd\xef\xbf\xbd",
            "what is not UTF-8 becomes U+FFFD");
}

int main(void)
{
    make_ascii();
    test_sizes(1, "every size and chunk");
    test_sizes(make_utf8("ä"), "characters of two bytes are never split");
    test_sizes(make_utf8("€"), "of three");
    test_sizes(make_utf8("😀"), "of four");
    test_broken_text();
    return tap_done();
}
