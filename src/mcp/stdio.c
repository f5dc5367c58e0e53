#include "mcp/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/wait.h"
#include "mcp/calls.h"
#include "mcp/lines.h"
#include "mcp/note.h"
#include "operation/spare.h"

enum {
    PATIENCE_MS = 300, /* after the last message: a pipe that was written at once is answered */
    GRACE_MS = 1200,
    LAST_SECONDS = 2,          /* then SIGALRM ends the process */
    ENOUGH = 16 * 1024,        /* of answers to wake the client for */
    GATHERED_MAX = 256 * 1024, /* and what the pipe to the client is asked to hold */
};

struct session {
    struct pyro_mcp_sink sink; /* first: it is what the sink's functions are given */
    struct pyro_mcp_server server;
    struct pyro_mcp_calls calls;
    struct pyro_mcp_lines lines;
    int in_fd, out_fd;
    int stop_fd;             /* when it is readable nobody waits for the reader of lines */
    _Atomic int write_errno; /* why they do not arrive any more; 0: they do */
    /* Under the lock of the calls. */
    bool is_gathering; /* lines wait until what was read at once is answered at once */
    struct pyro_buffer gathered;
};

static void write_out(struct session *session, const char *bytes, size_t size)
{
    if (size == 0 || session->write_errno)
        return;
    int r = pyro_fd_write_patiently(session->out_fd, bytes, size, session->stop_fd);
    if (r < 0) /* part of a line may be out, so that no other could follow */
        session->write_errno = -r;
}

static void write_gathered(struct session *session)
{
    struct pyro_buffer *gathered = &session->gathered;
    write_out(session, (const char *)pyro_buffer_data(gathered), gathered->size);
    pyro_buffer_consume(gathered, gathered->size);
}

static void send_line(struct pyro_mcp_sink *sink, const char *line)
{
    struct session *session = (struct session *)sink;
    if (!line)
        return;
    size_t size = strlen(line);
    bool is_gathered =
        session->is_gathering && pyro_buffer_append(&session->gathered, line, size) == 0;
    if (!is_gathered || session->gathered.size >= ENOUGH)
        write_gathered(session);
    if (!is_gathered)
        write_out(session, line, size);
}

/* A client that has ten calls under way reads some answers at a time, rather than being woken for
 * each, and takes them in while the next are made. */
static void gather(struct session *session, bool on)
{
    pthread_mutex_lock(&session->calls.lock);
    session->is_gathering = on;
    if (!on)
        write_gathered(session);
    pthread_mutex_unlock(&session->calls.lock);
}

static void take_notification(struct session *session, const struct pyro_mcp_message *message)
{
    const json_t *id = json_object_get(message->params, "requestId");
    if (strcmp(message->method, "notifications/cancelled") == 0 && id)
        pyro_mcp_calls_cancel(&session->calls, &session->sink, id);
}

static void take_request(struct session *session, struct pyro_mcp_message *message)
{
    const struct pyro_operation *tool;
    cleanup_free char *reply = pyro_mcp_server_take(&session->server, message, &tool);
    if (reply)
        pyro_mcp_calls_send(&session->calls, &session->sink, reply);
    else
        pyro_mcp_calls_begin(&session->calls, message, tool, &session->sink);
}

static void take_line(struct session *session, const char *line, size_t size)
{
    struct pyro_mcp_message message;
    if (strspn(line, " \t\r") >= size) /* a newline follows, so that it ends there */
        return;
    pyro_mcp_message_parse(line, size, &message);
    if (message.kind == PYRO_MCP_INVALID)
        pyro_mcp_note("a line was ignored: %s", message.problem);
    else if (message.kind == PYRO_MCP_REQUEST)
        take_request(session, &message);
    else if (message.kind == PYRO_MCP_NOTIFICATION)
        take_notification(session, &message);
    else
        pyro_mcp_server_hear(&session->server, &message);
    pyro_mcp_message_finish(&message);
}

static void take_lines(struct session *session)
{
    const char *line = NULL;
    size_t size = 0;
    int r;
    gather(session, true);
    while ((r = pyro_mcp_lines_next(&session->lines, &line, &size)) != 0) {
        if (r > 0)
            take_line(session, line, size);
        else
            pyro_mcp_note("a line of more than 16 MiB was ignored");
    }
    gather(session, false);
}

/* Whether there may be more. */
static bool read_some(struct session *session)
{
    long got = pyro_mcp_lines_read(&session->lines, session->in_fd);
    if (got == -EAGAIN)
        return true;
    if (got > 0)
        take_lines(session);
    return got > 0;
}

/* How long calls that are under way may take to end. */
static unsigned listen(struct session *session)
{
    struct pollfd polled[] = {
        {.fd = session->in_fd, .events = POLLIN},
        {.fd = session->stop_fd, .events = POLLIN},
        {.fd = session->out_fd}, /* for its reader's end */
    };
    while (!session->write_errno) {
        int ready = poll(polled, ARRAY_SIZE(polled), pyro_mcp_calls_tick(&session->calls));
        if (ready < 0 && errno != EINTR)
            return 0;
        if (ready > 0 && (polled[1].revents || polled[2].revents))
            return 0;
        if (ready > 0 && polled[0].revents && !read_some(session))
            return PATIENCE_MS;
    }
    return 0;
}

/* From here on nothing else that is printed, by whomever, gets among the messages, and nobody else
 * reads them. */
static int take_descriptors(int *ret_in, int *ret_out)
{
    cleanup_close int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    cleanup_close int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || out < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return -errno;
    fcntl(out, F_SETPIPE_SZ, GATHERED_MAX); /* where it is a pipe, and may */
    *ret_in = steal_fd(&in);
    *ret_out = steal_fd(&out);
    return 0;
}

static void serve(struct session *session, const struct pyro_mcp_options *options)
{
    pyro_mcp_server_init(&session->server, options);
    pyro_mcp_lines_init(&session->lines, PYRO_MCP_MESSAGE_MAX);
    pyro_buffer_init(&session->gathered, GATHERED_MAX);
    pyro_mcp_calls_init(&session->calls, options);
    if (isatty(session->in_fd))
        pyro_mcp_note("this speaks the Model Context Protocol; it is for programs, which start it "
                      "themselves");
    unsigned patience_ms = listen(session);
    alarm(LAST_SECONDS); /* a client that neither reads nor closes holds nobody up */
    if (!pyro_mcp_calls_close(&session->calls, patience_ms, GRACE_MS))
        _exit(0); /* supervisors end the VMs of clients that are gone */
    alarm(0);
    pyro_mcp_lines_finish(&session->lines);
    pyro_buffer_finish(&session->gathered);
    pyro_mcp_server_finish(&session->server);
}

static int serve_pipes(const struct pyro_mcp_options *options, int stop_fd,
                       struct pyro_error *error)
{
    struct session session = {.sink = {send_line, send_line}, .stop_fd = stop_fd};
    cleanup_close int in = -1, out = -1;
    int r = take_descriptors(&in, &out);
    if (r < 0)
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r,
                                    "cannot serve on stdin and stdout");
    session.in_fd = in;
    session.out_fd = out;
    serve(&session, options);
    return 0;
}

int pyro_mcp_serve_stdio(const struct pyro_mcp_options *options, int stop_fd,
                         struct pyro_error *error)
{
    struct pyro_mcp_options own = *options;
    if (own.spare_seconds > 0 && pyro_spares_create(own.spare_seconds, &own.spares, error) < 0)
        return -1;
    int r = serve_pipes(&own, stop_fd, error);
    pyro_spares_destroy(own.spares);
    return r;
}
