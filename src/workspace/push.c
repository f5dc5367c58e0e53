#include "workspace/push.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/text.h"
#include "workspace/tree_reader.h"
#include "workspace/window.h"

enum {
    OUT_MAX = 4 * PYRO_TREE_RECORD_MAX,
    IN_FLIGHT_MAX = 64 * 1024 * 1024, /* names of entries that the guest has not answered for yet */
    PROGRESS_MS = 200,
};

struct sending {
    const struct pyro_push *push;
    struct pyro_push_report report;
    uint64_t sent_count;    /* the guest's answers lag behind */
    struct pyro_buffer out; /* records that are packed and not sent */
    struct pyro_window window;
    bool by_window; /* the data of the file under way goes through it */
    struct pyro_tree_reader answers;
    struct pyro_buffer in_flight; /* names, each with its NUL */
    bool source_over;
    bool source_failed; /* `error` says why; what was sent before is in */
    struct pyro_error error;
    uint32_t refused; /* errno for the entry in front of `in_flight` */
    char last[160];   /* the last entry that is in */
    uint64_t reported_ms;
};

static void report(struct sending *sending)
{
    const struct pyro_observer *observer = sending->push->observer;
    uint64_t now = pyro_now_ms();
    char message[96];
    if (!observer || !observer->progress || now - sending->reported_ms < PROGRESS_MS)
        return;
    sending->reported_ms = now;
    snprintf(message, sizeof(message), "%" PRIu64 " entries, %.1f MiB", sending->sent_count,
             (double)sending->report.bytes_written / (1 << 20));
    const struct pyro_progress progress = {
        .operation = "push", .phase = "sending", .message = message};
    observer->progress(observer->userdata, &progress);
}

/* Until the guest has said whether it has a window, or has given back a piece of it. */
static bool must_wait(const struct sending *sending)
{
    return sending->by_window &&
           (!sending->window.is_known ||
            (sending->window.slice_size > 0 && !pyro_window_has_room(&sending->window)));
}

/* On its way to the guest. */
static int pass_on(struct sending *sending, const struct pyro_tree_record *record)
{
    struct pyro_window *window = &sending->window;
    if (record->type == PYRO_TREE_ENTRY)
        sending->by_window = window->memory >= 0 && record->entry.kind == PYRO_TREE_FILE &&
                             record->entry.size >= PYRO_TREE_LARGE;
    if (record->type == PYRO_TREE_DATA && sending->by_window && window->slice_size > 0)
        return pyro_window_put(window, &record->data, &sending->out);
    int r = pyro_window_flush(window, &sending->out);
    return r < 0 ? r : pyro_tree_record_pack(&sending->out, record);
}

/* One more record of the source, kept for the baseline and packed. -1 when that cannot go on. */
static int take_record(struct sending *sending)
{
    const struct pyro_push *push = sending->push;
    struct pyro_tree_record record;
    struct pyro_error *error = &sending->error;
    int r = pyro_tree_source_next(push->source, &record, error);
    if (r == 0) {
        sending->source_over = true;
        return pyro_tree_end_pack(&sending->out);
    }
    if (r > 0 && push->baseline && pyro_baseline_add(push->baseline, &record, error) < 0)
        r = -1;
    if (r < 0)
        return -1;
    r = pass_on(sending, &record);
    if (r == 0 && record.type == PYRO_TREE_ENTRY)
        r = pyro_buffer_append(&sending->in_flight, record.entry.path,
                               strlen(record.entry.path) + 1);
    sending->sent_count += record.type == PYRO_TREE_ENTRY;
    if (r == 0 && record.type == PYRO_TREE_DATA)
        sending->report.bytes_written += record.data.size;
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot pass an entry on") : 0;
}

/* A source that fails ends the stream early: the guest then says what it has got until there. */
static long on_input(void *userdata, uint8_t *bytes, size_t most, struct pyro_error *error)
{
    struct sending *sending = userdata;
    unsigned placed = sending->window.placed; /* the guest can go on with the next at once */
    (void)error;
    while (!sending->source_over && !must_wait(sending) && sending->out.size < most &&
           placed == sending->window.placed &&
           pyro_buffer_room(&sending->out) >= PYRO_TREE_RECORD_MAX) {
        if (take_record(sending) < 0) {
            sending->source_failed = sending->source_over = true;
            break;
        }
    }
    size_t size = MIN(most, sending->out.size);
    if (size > 0)
        memcpy(bytes, pyro_buffer_data(&sending->out), size);
    pyro_buffer_consume(&sending->out, size);
    report(sending);
    return size == 0 && !sending->source_over ? -EAGAIN : (long)size;
}

static int nonsense(struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                          "the guest answered with something that is no result of a push");
}

static int take_result(struct sending *sending, const struct pyro_tree_result *result,
                       struct pyro_error *error)
{
    struct pyro_buffer *in_flight = &sending->in_flight;
    if (in_flight->size == 0 || sending->refused)
        return nonsense(error);
    if (result->error) {
        sending->refused = result->error;
        return 0;
    }
    const char *name = (const char *)pyro_buffer_data(in_flight);
    snprintf(sending->last, sizeof(sending->last), "%s", name);
    pyro_buffer_consume(in_flight, strlen(name) + 1);
    if (sending->push->baseline)
        pyro_baseline_note(sending->push->baseline, result);
    sending->report.entry_count++;
    return 0;
}

static int take_record_back(void *userdata, const struct pyro_tree_record *record,
                            struct pyro_error *error)
{
    struct sending *sending = userdata;
    struct pyro_window *window = &sending->window;
    switch (record->type) {
    case PYRO_TREE_RESULT:
        return take_result(sending, &record->result, error);
    case PYRO_TREE_WINDOW:
        if (window->memory < 0 || window->is_known)
            return nonsense(error);
        pyro_window_take(window, &record->window);
        return 0;
    case PYRO_TREE_TAKEN:
        return pyro_window_give_back(window) ? 0 : nonsense(error);
    default:
        return nonsense(error);
    }
}

static int on_output(void *userdata, const uint8_t *bytes, size_t size, struct pyro_error *error)
{
    struct sending *sending = userdata;
    return pyro_tree_reader_feed(&sending->answers, bytes, size, error);
}

/* What failed, and how far it came. */
static int explain(struct sending *sending, const struct pyro_error *call, struct pyro_error *error)
{
    const struct pyro_error *why = sending->source_failed ? &sending->error : call;
    bool begun = sending->in_flight.size > 0;
    cleanup_free char *name =
        begun ? pyro_text_to_utf8(pyro_buffer_data(&sending->in_flight),
                                  strlen((char *)pyro_buffer_data(&sending->in_flight)), NULL)
              : NULL;
    cleanup_free char *last = pyro_text_to_utf8(sending->last, strlen(sending->last), NULL);
    struct pyro_error whole = *why;
    if (sending->refused)
        pyro_error_set_errno(&whole, PYRO_ERROR_PUSH_INCOMPLETE, (int)sending->refused,
                             "the guest could not write '%.200s'", name ? name : "?");
    else
        pyro_error_set(&whole, why->code, "%s", why->message);
    pyro_error_field(&whole, why->field);
    size_t used = strlen(whole.message);
    if (sending->report.entry_count == 0)
        snprintf(whole.message + used, sizeof(whole.message) - used, "; nothing of it is in");
    else
        snprintf(whole.message + used, sizeof(whole.message) - used,
                 "; the first %" PRIu64 " entries are in, up to '%s', the rest is not",
                 sending->report.entry_count, last ? last : "?");
    if (*why->hint || !sending->refused)
        pyro_error_hint(&whole, "%s", why->hint);
    else
        pyro_error_hint(&whole, "mend that and push again: what is in already is replaced");
    if (error)
        *error = whole;
    return -1;
}

int pyro_push_run(const struct pyro_push *push, struct pyro_push_report *ret_report,
                  struct pyro_error *error)
{
    const char *const arguments[] = {"receive",
                                     push->root,
                                     push->destination,
                                     push->baseline ? "new" : "merge",
                                     push->memory >= 0 ? "window" : NULL,
                                     NULL};
    struct sending sending = {
        .push = push, .window = {.memory = push->memory}, .reported_ms = pyro_now_ms()};
    const struct pyro_tree_call call = {
        .arguments = arguments, .userdata = &sending, .input = on_input, .output = on_output};
    struct pyro_error why = PYRO_ERROR_INIT;
    pyro_buffer_init(&sending.out, OUT_MAX);
    pyro_tree_reader_init(&sending.answers, take_record_back, &sending);
    pyro_buffer_init(&sending.in_flight, IN_FLIGHT_MAX);
    int r = push->channel->run(push->channel->userdata, &call, &why);
    if (r == 0)
        r = pyro_tree_reader_close(&sending.answers, &why);
    if (r == 0 && sending.in_flight.size > 0)
        r = nonsense(&why);
    if (r < 0)
        explain(&sending, &why, error);
    *ret_report = sending.report;
    pyro_buffer_finish(&sending.out);
    pyro_tree_reader_finish(&sending.answers);
    pyro_buffer_finish(&sending.in_flight);
    return r;
}
