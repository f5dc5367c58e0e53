/* What a service wrote: its end, all that is kept, or what comes from now on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/session_support.h"
#include "supervisor/log.h"

static const char *const streams[] = {"stdout", "stderr"};

/* Both streams of one service, and how far they were read. */
struct reading {
    struct pyro_context *context;
    struct pyro_session session;
    const struct pyro_observer *observer;
    uint64_t positions[ARRAY_SIZE(streams)], ends[ARRAY_SIZE(streams)];
    bool truncated;
    bool follows;
    bool is_in_line[ARRAY_SIZE(streams)]; /* what was shown last ends in one that may go on */
};

static int fail_read(int r, struct pyro_error *error)
{
    return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot read what the service wrote");
}

/* Where to begin: at the last lines, or at all that is kept. Where to end: what is written while
 * we read could have no end. */
static int find_range(struct reading *reading, const json_t *parameters, struct pyro_error *error)
{
    bool all = pyro_json_boolean(parameters, "all", false);
    uint64_t lines = all ? 0 : (uint64_t)pyro_json_integer(parameters, "tail_lines", 0);
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        int r = pyro_log_find_tail(reading->session.directory, streams[i], lines,
                                   &reading->positions[i], &reading->ends[i]);
        if (r < 0)
            return fail_read(r, error);
        if (all)
            reading->positions[i] = 0;
        reading->truncated |= reading->positions[i] > 0;
    }
    return 0;
}

static int show(struct reading *reading, size_t stream, const char *text, size_t size,
                struct pyro_error *error)
{
    const struct pyro_observer *observer = reading->observer;
    if (!observer || !observer->output || size == 0)
        return 0;
    if (observer->output(observer->userdata, stream ? PYRO_STDERR : PYRO_STDOUT, text, size) != 0)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    reading->is_in_line[stream] = text[size - 1] != '\n';
    return 0;
}

/* Who follows is told what was gone before it came to it, and goes on with a whole line. */
static int show_part(struct reading *reading, size_t stream, const struct pyro_log_part *part,
                     uint64_t lost, struct pyro_error *error)
{
    char line[80];
    if (lost == 0 || !reading->follows || part->size == 0)
        return show(reading, stream, part->text, part->size, error);
    const char *end = memchr(part->text, '\n', part->size);
    size_t cut = end ? (size_t)(end + 1 - part->text) : 0;
    int size = snprintf(line, sizeof(line), "%s[pyro: %" PRIu64 " bytes are not kept any more]\n",
                        reading->is_in_line[stream] ? "\n" : "", lost + cut);
    if (show(reading, stream, line, (size_t)size, error) < 0)
        return -1;
    return show(reading, stream, part->text + cut, part->size - cut, error);
}

/* One stream up to its end, added to `text` unless that is NULL. Gaps are passed over. */
static int read_stream(struct reading *reading, size_t stream, struct pyro_buffer *text,
                       struct pyro_error *error)
{
    const uint64_t end = reading->ends[stream];
    uint64_t *position = &reading->positions[stream];
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        struct pyro_log_part part;
        r = pyro_log_read(reading->session.directory, streams[stream], PYRO_LOG_BYTES, *position,
                          end - MIN(end, *position), &part);
        if (r < 0)
            return fail_read(r, error);
        uint64_t lost = part.start - MIN(part.start, *position);
        reading->truncated |= lost > 0;
        *position = part.next;
        more = part.next < MIN(part.end, end);
        r = show_part(reading, stream, &part, lost, error);
        if (r == 0 && text && pyro_buffer_append(text, part.text, part.size) < 0)
            r = pyro_error_no_memory(error);
        pyro_log_part_finish(&part);
    }
    return r;
}

static json_t *to_string(const struct pyro_buffer *text)
{
    size_t size;
    cleanup_free char *valid = pyro_text_to_utf8(pyro_buffer_data(text), text->size, &size);
    return valid ? json_stringn_nocheck(valid, size) : NULL;
}

static int answer(struct reading *reading, const json_t *parameters, json_t **ret_result,
                  struct pyro_error *error)
{
    bool all = pyro_json_boolean(parameters, "all", false);
    cleanup_json json_t *own = json_object();
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(streams) && r == 0; i++) {
        struct pyro_buffer text;
        pyro_buffer_init(&text, 2 * PYRO_SERVICE_LOG_KEEP);
        r = read_stream(reading, i, &text, error);
        if (r == 0 && json_object_set_new(own, streams[i], to_string(&text)) < 0)
            r = pyro_error_no_memory(error);
        pyro_buffer_finish(&text);
    }
    if (r < 0)
        return r;
    json_object_set_new(own, "tail_lines",
                        all ? json_null() : json_incref(json_object_get(parameters, "tail_lines")));
    json_object_set_new(own, "truncated", json_boolean(reading->truncated));
    return pyro_session_result(PYRO_SESSION_SERVICE, parameters, reading->session.record,
                               steal_pointer(&own), ret_result, error);
}

/* Whether the files are still of the one that was found: another one may have its name. */
static bool is_same(const struct reading *reading, const json_t *begun)
{
    const json_t *now = json_object_get(reading->session.record, "started_at");
    return json_equal((json_t *)begun, (json_t *)now);
}

/* Shows what comes until the service has ended. */
static int follow(struct reading *reading, struct pyro_error *error)
{
    struct pyro_session_watch watch = {reading->context, &reading->session, reading->observer};
    cleanup_json json_t *begun =
        json_incref(json_object_get(reading->session.record, "started_at"));
    int r = 0;
    bool runs = true;
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
        reading->ends[i] = UINT64_MAX;
    while (r == 0 && runs && is_same(reading, begun)) {
        runs = pyro_session_is_running(reading->session.record);
        for (size_t i = 0; i < ARRAY_SIZE(streams) && r == 0; i++)
            r = read_stream(reading, i, NULL, error);
        if (r == 0 && runs)
            r = pyro_session_watch(&watch, reading->positions, UINT64_MAX, error);
    }
    pyro_session_unwatch(&watch);
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
        reading->ends[i] = reading->positions[i]; /* all of it was shown */
    return r;
}

static int check_follow(const struct reading *reading, struct pyro_error *error)
{
    if (reading->observer && reading->observer->output)
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "follow shows output as it comes: it has no place in one result");
    pyro_error_field(error, "follow");
    return pyro_error_hint(error, "leave out --json");
}

PYRO_HANDLER(service_logs)
{
    struct reading reading = {.context = context,
                              .observer = observer,
                              .follows = pyro_json_boolean(parameters, "follow", false)};
    int r = reading.follows ? check_follow(&reading, error) : 0;
    if (r < 0)
        return r;
    r = pyro_session_find(context, parameters, PYRO_SESSION_SERVICE, &reading.session, error);
    if (r == 0)
        r = find_range(&reading, parameters, error);
    if (r == 0 && reading.follows)
        r = follow(&reading, error);
    if (r == 0)
        r = answer(&reading, parameters, ret_result, error);
    pyro_session_finish(&reading.session);
    return r;
}
