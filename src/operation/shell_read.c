/* What a shell's terminal showed, from a cursor on. Its files are read as they are: the workspace's
 * supervisor has no part in it, and need not live. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "operation/plain.h"
#include "operation/session_support.h"
#include "supervisor/log.h"

enum { IDLE_LIMIT_MS = 10 * 1000 }; /* for output that never settles, unless wait_ms says more */

struct reading {
    struct pyro_context *context;
    struct pyro_session session;
    const struct pyro_observer *observer;
    uint64_t cursor, most;
    bool plain;
    struct pyro_log_reader log;
    struct pyro_log_part part;
    bool is_cut; /* more is there than `most` let through */
};

static bool runs(const struct reading *reading)
{
    return pyro_session_is_running(reading->session.record);
}

/* How many characters are looked at: a sequence that begins in the last of them may be as long as
 * sequences are. */
static uint64_t window(const struct reading *reading)
{
    uint64_t most = reading->most + (reading->plain ? PYRO_PLAIN_LONGEST : 0);
    return MIN(most, (uint64_t)PYRO_LOG_PART_MOST / 4);
}

/* Without what only a terminal understands: what begins in the first `most` characters. A sequence
 * that is not complete yet is left for the next read, unless it never will be: a part that is short
 * ends at a gap. */
static int make_plain(struct reading *reading, struct pyro_error *error)
{
    struct pyro_log_part *part = &reading->part;
    const char *text = part->text ? part->text : "";
    uint64_t left = reading->most;
    size_t used, size, most = pyro_text_pass(text, part->size, &left);
    bool is_end =
        part->next == part->end ? !runs(reading) : part->next - part->start < window(reading);
    bool is_part = part->next < part->end;
    char *plain = pyro_plain_text(text, part->size, most, is_end, &used, &size);
    if (!plain)
        return pyro_error_no_memory(error);
    part->next = part->start + pyro_text_count(text, used);
    reading->is_cut = part->next < part->end && (is_part || used >= most);
    free(part->text);
    part->text = plain;
    part->size = size;
    return 0;
}

static int look_once(struct reading *reading, uint64_t known_end, struct pyro_error *error)
{
    pyro_log_part_finish(&reading->part);
    int r = pyro_log_reader_read(&reading->log, reading->cursor, window(reading), known_end,
                                 &reading->part);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot read what the shell showed");
    if (reading->plain)
        return make_plain(reading, error);
    reading->is_cut = reading->part.next < reading->part.end;
    return 0;
}

/* The record was read before: if that says it is over, all it showed is there. `known_end`: as the
 * supervisor told, or 0. What the caller would not show whole is left for its next read: it goes on
 * from next_cursor. */
static int look(struct reading *reading, uint64_t known_end, struct pyro_error *error)
{
    const struct pyro_log_part *part = &reading->part;
    size_t shown = reading->context->string_max;
    int r = look_once(reading, known_end, error);
    while (r == 0 && shown > 0 && part->size > shown && reading->most > 1) {
        uint64_t fitting = (part->next - part->start) * shown / part->size;
        reading->most = MAX(MIN(fitting, reading->most - 1), (uint64_t)1);
        r = look_once(reading, known_end, error);
    }
    return r;
}

/* Whether there is something to tell: half a sequence is not. */
static bool has_news(const struct reading *reading)
{
    return reading->part.next > reading->cursor;
}

static int check_cursor(const struct reading *reading, struct pyro_error *error)
{
    if (reading->cursor <= reading->part.end)
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "cursor %llu is beyond what the shell %s has shown (%llu characters)",
                   (unsigned long long)reading->cursor, reading->session.name,
                   (unsigned long long)reading->part.end);
    pyro_error_field(error, "cursor");
    return pyro_error_hint(error, "use the next_cursor of the read before, or 0");
}

/* Until something is there, then until nothing more came for `idle_ms`, in all until the deadline.
 * More than fits into one read is not waited for. */
static int wait(struct reading *reading, uint64_t wait_ms, uint64_t idle_ms,
                struct pyro_error *error)
{
    struct pyro_session_watch watch = {reading->context, &reading->session, reading->observer};
    uint64_t changed = pyro_now_ms(), now = changed;
    uint64_t deadline = now + (wait_ms > 0 || idle_ms == 0 ? wait_ms : IDLE_LIMIT_MS);
    uint64_t end = reading->part.end;
    int r = 0;
    for (;;) {
        uint64_t until =
            has_news(reading) || wait_ms == 0 ? MIN(changed + idle_ms, deadline) : deadline;
        if (!runs(reading) || reading->is_cut || now >= until)
            break;
        r = pyro_session_watch(&watch, &end, until - now, error);
        if (r == 0)
            r = look(reading, watch.known[0], error);
        if (r < 0)
            break;
        now = pyro_now_ms();
        changed = reading->part.end > end ? now : changed;
        end = reading->part.end;
    }
    pyro_session_unwatch(&watch);
    return r;
}

static int show(const struct reading *reading, const char *text, size_t size,
                struct pyro_error *error)
{
    const struct pyro_observer *observer = reading->observer;
    if (!observer || !observer->output || size == 0)
        return 0;
    if (observer->output(observer->userdata, PYRO_STDOUT, text, size) != 0)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    return 0;
}

static int answer(const struct reading *reading, const json_t *parameters, json_t **ret_result,
                  struct pyro_error *error)
{
    const struct pyro_log_part *part = &reading->part;
    uint64_t lost = part->start - MIN(reading->cursor, part->start);
    json_t *own =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:b}", "output",
                  json_stringn_nocheck(part->text ? part->text : "", part->size), "cursor",
                  (json_int_t)part->start, "next_cursor", (json_int_t)part->next, "end_cursor",
                  (json_int_t)part->end, "lost_chars", (json_int_t)lost, "truncated",
                  lost > 0 || reading->is_cut);
    if (pyro_session_result(PYRO_SESSION_SHELL, parameters, reading->session.record, own,
                            ret_result, error) < 0)
        return -1;
    return show(reading, part->text, part->size, error);
}

static int run(struct reading *reading, const json_t *parameters, json_t **ret_result,
               struct pyro_error *error)
{
    uint64_t wait_ms = (uint64_t)pyro_json_integer(parameters, "wait_ms", 0);
    uint64_t idle_ms = (uint64_t)pyro_json_integer(parameters, "wait_for_idle_ms", 0);
    if (look(reading, 0, error) < 0 || check_cursor(reading, error) < 0)
        return -1;
    if (runs(reading) && (idle_ms > 0 || (wait_ms > 0 && !has_news(reading))) &&
        wait(reading, wait_ms, idle_ms, error) < 0)
        return -1;
    return answer(reading, parameters, ret_result, error);
}

PYRO_HANDLER(shell_read)
{
    struct reading reading = {.context = context,
                              .observer = observer,
                              .cursor = (uint64_t)pyro_json_integer(parameters, "cursor", 0),
                              .most = (uint64_t)pyro_json_integer(parameters, "max_chars", 0),
                              .plain = pyro_json_boolean(parameters, "plain", false)};
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SHELL, &reading.session, error);
    pyro_log_reader_init(&reading.log, reading.session.directory, "output", PYRO_LOG_CHARACTERS);
    if (r == 0)
        r = run(&reading, parameters, ret_result, error);
    pyro_log_part_finish(&reading.part);
    pyro_log_reader_finish(&reading.log);
    pyro_session_finish(&reading.session);
    return r;
}
