#include "mcp/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "mcp/call.h"
#include "mcp/progress.h"
#include "mcp/reply.h"

enum {
    PROGRESS_EVERY_MS = 1000, /* at most so often */
    SILENT_MS = 4000,         /* and at least so often */
    TICK_MS = 500,
};

struct pyro_mcp_call_state {
    struct pyro_mcp_calls *calls;
    struct pyro_mcp_sink *sink;
    struct pyro_mcp_message request;
    const struct pyro_operation *tool;
    int cancel_fd;
    bool is_begun, is_cancelled;
    const json_t *token; /* NULL: nobody wants to hear of progress */
    unsigned sent_count; /* of progress */
    uint64_t sent_at_ms;
    char phase[32]; /* that was told last */
    struct pyro_mcp_progress progress;
    struct pyro_mcp_call_state *next;
};

void pyro_mcp_calls_init(struct pyro_mcp_calls *calls, const struct pyro_mcp_options *options)
{
    *calls = (struct pyro_mcp_calls){.options = options};
    pyro_mcp_known_init(&calls->known);
    pthread_mutex_init(&calls->lock, NULL);
    pyro_condition_init(&calls->wanted);
    pyro_condition_init(&calls->ended);
}

/* ---- sending; the lock is held ---- */

static void send_progress_locked(struct pyro_mcp_call_state *call)
{
    cleanup_free char *text = pyro_mcp_progress_text(&call->progress);
    const char *message = text && *text ? text : "running";
    if (!call->token || call->is_cancelled)
        return;
    cleanup_free char *line = pyro_mcp_notify_progress(call->token, ++call->sent_count, message);
    if (line)
        call->sink->send(call->sink, line);
    call->sent_at_ms = pyro_now_ms();
}

void pyro_mcp_calls_send(struct pyro_mcp_calls *calls, struct pyro_mcp_sink *sink, const char *line)
{
    pthread_mutex_lock(&calls->lock);
    if (line)
        sink->send(sink, line);
    pthread_mutex_unlock(&calls->lock);
}

/* ---- the list of calls; the lock is held ---- */

static void add_locked(struct pyro_mcp_calls *calls, struct pyro_mcp_call_state *call)
{
    if (calls->last)
        calls->last->next = call;
    else
        calls->first = call;
    calls->last = call;
    calls->count++;
    calls->waiting++;
}

static void remove_locked(struct pyro_mcp_calls *calls, struct pyro_mcp_call_state *call)
{
    struct pyro_mcp_call_state *before = NULL, **at = &calls->first;
    while (*at != call) {
        before = *at;
        at = &(*at)->next;
    }
    *at = call->next;
    if (calls->last == call)
        calls->last = before;
    calls->count--;
    calls->waiting -= !call->is_begun;
    pthread_cond_broadcast(&calls->ended);
}

/* `line`: as the sink's finish() has it. */
static void finish(struct pyro_mcp_call_state *call, const char *line)
{
    call->sink->finish(call->sink, line);
    pyro_mcp_message_finish(&call->request);
    close(call->cancel_fd);
    free(call);
}

/* A call that waits is gone at once, one that runs goes when its thread has seen it. */
static void cancel_locked(struct pyro_mcp_calls *calls, struct pyro_mcp_call_state *call)
{
    call->is_cancelled = true;
    eventfd_write(call->cancel_fd, 1);
    if (call->is_begun)
        return;
    remove_locked(calls, call);
    finish(call, NULL);
}

/* ---- one call, in its thread ---- */

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size)
{
    struct pyro_mcp_call_state *call = userdata;
    (void)stream;
    pthread_mutex_lock(&call->calls->lock);
    pyro_mcp_progress_output(&call->progress, bytes, size);
    if (pyro_now_ms() >= call->sent_at_ms + PROGRESS_EVERY_MS)
        send_progress_locked(call);
    int r = call->is_cancelled ? -ECANCELED : 0;
    pthread_mutex_unlock(&call->calls->lock);
    return r;
}

static void on_progress(void *userdata, const struct pyro_progress *step)
{
    struct pyro_mcp_call_state *call = userdata;
    const char *phase = step->phase ? step->phase : step->operation;
    pthread_mutex_lock(&call->calls->lock);
    bool is_new = strncmp(call->phase, phase, sizeof(call->phase) - 1) != 0;
    snprintf(call->phase, sizeof(call->phase), "%s", phase);
    pyro_mcp_progress_step(&call->progress, step);
    if (is_new || pyro_now_ms() >= call->sent_at_ms + PROGRESS_EVERY_MS)
        send_progress_locked(call);
    pthread_mutex_unlock(&call->calls->lock);
}

void pyro_mcp_call_say(struct pyro_mcp_call_state *call, const char *line)
{
    pthread_mutex_lock(&call->calls->lock);
    if (line && !call->is_cancelled)
        call->sink->send(call->sink, line);
    pthread_mutex_unlock(&call->calls->lock);
}

static char *call_tool(struct pyro_mcp_call_state *call)
{
    const struct pyro_mcp_message *request = &call->request;
    const struct pyro_observer observer = {
        .userdata = call,
        .output = call->tool->output == PYRO_OUTPUT_COMMAND ? on_output : NULL,
        .progress = on_progress,
        .cancel_fd = call->cancel_fd,
        .stdin_fd = -1,
    };
    struct pyro_mcp_known *known = &call->calls->known;
    struct pyro_buffer mark;
    bool is_lasting = pyro_mcp_known_begin(known, call->tool, request, &mark);
    cleanup_json json_t *result = pyro_mcp_call(
        call->calls->options, call->tool, pyro_mcp_arguments(request), request->era, &observer);
    cleanup_free char *text = result ? pyro_mcp_dump(result) : NULL;
    if (is_lasting && text && !json_object_get(result, "isError"))
        pyro_mcp_known_end(known, call->tool, request->era, &mark, text);
    pyro_buffer_finish(&mark);
    return text ? pyro_mcp_reply(request->id, text) : NULL;
}

/* The line to send. */
static char *run(struct pyro_mcp_call_state *call)
{
    const struct pyro_mcp_extra *extra = call->calls->options->extra;
    char *line = NULL;
    if (call->tool)
        line = call_tool(call);
    else if (extra)
        line = extra->answer(&call->request, call);
    return line ? line
                : pyro_mcp_reply_error(call->request.id, PYRO_MCP_BUG, NULL, "Out of memory");
}

static struct pyro_mcp_call_state *find_waiting_locked(struct pyro_mcp_calls *calls)
{
    struct pyro_mcp_call_state *call = calls->first;
    while (call && call->is_begun)
        call = call->next;
    return call;
}

static void serve_locked(struct pyro_mcp_calls *calls, struct pyro_mcp_call_state *call)
{
    call->is_begun = true;
    calls->waiting--;
    pthread_mutex_unlock(&calls->lock);
    cleanup_free char *line = run(call);
    pthread_mutex_lock(&calls->lock);
    remove_locked(calls, call);
    finish(call, call->is_cancelled ? NULL : line);
}

static void *work(void *userdata)
{
    struct pyro_mcp_calls *calls = userdata;
    pthread_mutex_lock(&calls->lock);
    for (;;) {
        struct pyro_mcp_call_state *call = find_waiting_locked(calls);
        if (call) {
            serve_locked(calls, call);
            continue;
        }
        if (calls->closing)
            break;
        calls->idle_threads++;
        pthread_cond_wait(&calls->wanted, &calls->lock);
        calls->idle_threads--;
    }
    pthread_mutex_unlock(&calls->lock);
    return NULL;
}

/* ---- for the thread that listens ---- */

/* One that cannot be had now: the others will do. */
static void add_thread_locked(struct pyro_mcp_calls *calls)
{
    if (pyro_thread_start(&calls->threads[calls->thread_count], work, calls) == 0)
        calls->thread_count++;
}

static bool is_token(const json_t *value)
{
    return json_is_string(value) || json_is_integer(value);
}

static struct pyro_mcp_call_state *create(struct pyro_mcp_calls *calls,
                                          struct pyro_mcp_message *request,
                                          const struct pyro_operation *tool,
                                          struct pyro_mcp_sink *sink)
{
    struct pyro_mcp_call_state *call = calloc(1, sizeof(*call));
    int cancel_fd = call ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (cancel_fd < 0) {
        free(call);
        return NULL;
    }
    const json_t *token = json_object_get(request->meta, "progressToken");
    *call = (struct pyro_mcp_call_state){.calls = calls,
                                         .sink = sink,
                                         .request = *request,
                                         .tool = tool,
                                         .cancel_fd = cancel_fd,
                                         .token = is_token(token) ? token : NULL,
                                         .sent_at_ms = pyro_now_ms()};
    *request = (struct pyro_mcp_message){0};
    return call;
}

static void refuse(const struct pyro_mcp_message *request, struct pyro_mcp_sink *sink,
                   const char *why)
{
    cleanup_free char *line = pyro_mcp_reply_error(request->id, PYRO_MCP_BUG, NULL, "%s", why);
    sink->finish(sink, line);
}

static void begin_locked(struct pyro_mcp_calls *calls, struct pyro_mcp_message *request,
                         const struct pyro_operation *tool, struct pyro_mcp_sink *sink)
{
    if (calls->count >= PYRO_MCP_CALLS_MAX) {
        refuse(request, sink, "Too many calls at once: wait until some have ended");
        return;
    }
    bool is_busy = calls->waiting >= calls->idle_threads;
    if (is_busy && calls->thread_count < PYRO_MCP_THREADS_MAX)
        add_thread_locked(calls);
    struct pyro_mcp_call_state *call =
        calls->thread_count > 0 ? create(calls, request, tool, sink) : NULL;
    if (!call) {
        refuse(request, sink, "This host has no thread or descriptor left for the call");
        return;
    }
    add_locked(calls, call);
    pthread_cond_signal(&calls->wanted);
}

void pyro_mcp_calls_begin(struct pyro_mcp_calls *calls, struct pyro_mcp_message *request,
                          const struct pyro_operation *tool, struct pyro_mcp_sink *sink)
{
    cleanup_free char *known = tool ? pyro_mcp_known_reply(&calls->known, tool, request) : NULL;
    pthread_mutex_lock(&calls->lock);
    if (known)
        sink->finish(sink, known);
    else
        begin_locked(calls, request, tool, sink);
    pthread_mutex_unlock(&calls->lock);
}

void pyro_mcp_calls_cancel(struct pyro_mcp_calls *calls, const struct pyro_mcp_sink *sink,
                           const json_t *id)
{
    pthread_mutex_lock(&calls->lock);
    struct pyro_mcp_call_state *call = calls->first;
    while (call && (call->sink != sink || (id && !json_equal(call->request.id, id))))
        call = call->next;
    if (call && !call->is_cancelled)
        cancel_locked(calls, call);
    pthread_mutex_unlock(&calls->lock);
}

int pyro_mcp_calls_tick(struct pyro_mcp_calls *calls)
{
    int next_ms = -1;
    pthread_mutex_lock(&calls->lock);
    for (struct pyro_mcp_call_state *call = calls->first; call; call = call->next) {
        if (!call->token || call->is_cancelled)
            continue;
        if (pyro_now_ms() >= call->sent_at_ms + SILENT_MS)
            send_progress_locked(call);
        next_ms = TICK_MS;
    }
    pthread_mutex_unlock(&calls->lock);
    return next_ms;
}

/* ---- the end ---- */

static void wait_locked(struct pyro_mcp_calls *calls, unsigned most_ms)
{
    uint64_t end_ms = pyro_now_ms() + most_ms;
    while (calls->first && pyro_condition_wait(&calls->ended, &calls->lock, end_ms))
        ;
}

static void cancel_all_locked(struct pyro_mcp_calls *calls)
{
    struct pyro_mcp_call_state *call = calls->first;
    while (call) {
        struct pyro_mcp_call_state *next = call->next;
        cancel_locked(calls, call);
        call = next;
    }
}

bool pyro_mcp_calls_close(struct pyro_mcp_calls *calls, unsigned patience_ms, unsigned grace_ms)
{
    pthread_mutex_lock(&calls->lock);
    wait_locked(calls, patience_ms);
    cancel_all_locked(calls);
    wait_locked(calls, grace_ms);
    bool all_ended = calls->count == 0;
    calls->closing = true;
    pthread_cond_broadcast(&calls->wanted);
    pthread_mutex_unlock(&calls->lock);
    for (size_t i = 0; all_ended && i < calls->thread_count; i++)
        pthread_join(calls->threads[i], NULL);
    if (all_ended)
        pyro_mcp_known_finish(&calls->known);
    return all_ended;
}
