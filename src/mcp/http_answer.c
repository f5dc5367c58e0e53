#include "mcp/http_answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "mcp/http_judge.h"
#include "mcp/http_send.h"
#include "mcp/http_token.h"
#include "mcp/reply.h"

enum { SESSION_SIZE = 16 }; /* random bytes */

/* ---- reading ---- */

static enum MHD_Result add_field(void *headers, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    pyro_http_headers_add(headers, name, value);
    return MHD_YES;
}

/* A body of one that is refused is read all the same, and thrown away: a client that is still
 * sending would not see the answer. */
static enum MHD_Result begin(struct pyro_http_exchange *exchange, const char *path,
                             const char *method)
{
    struct pyro_http_headers *headers = &exchange->headers;
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, add_field, headers);
    exchange->accepts_json = pyro_http_headers_accept(headers, PYRO_HTTP_JSON);
    exchange->accepts_stream = pyro_http_headers_accept(headers, PYRO_HTTP_STREAM);
    exchange->refused = pyro_http_judge(exchange, path, method);
    exchange->phase = PYRO_HTTP_BODY;
    return MHD_YES;
}

static void take_part(struct pyro_http_exchange *exchange, const char *bytes, size_t size)
{
    struct pyro_http_server *server = exchange->server;
    if (!exchange->refused && size > pyro_buffer_room(&exchange->body))
        exchange->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    else if (!exchange->refused && (server->bodies_size + size > PYRO_HTTP_BODIES_MAX ||
                                    pyro_buffer_append(&exchange->body, bytes, size) < 0))
        exchange->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
    if (exchange->refused) {
        pyro_buffer_finish(&exchange->body);
        size = 0;
        server->bodies_size -= exchange->held;
        exchange->held = 0;
    }
    server->bodies_size += size;
    exchange->held += size;
}

/* ---- messages ---- */

static enum MHD_Result refuse_invalid(struct pyro_http_exchange *exchange,
                                      const struct pyro_mcp_message *message)
{
    const json_t *id = json_object_get(message->whole, "id");
    bool is_known = json_is_string(id) || json_is_integer(id);
    return pyro_http_send_json(
        exchange, MHD_HTTP_BAD_REQUEST,
        pyro_mcp_reply_error(is_known ? id : NULL,
                             message->whole ? PYRO_MCP_NO_REQUEST : PYRO_MCP_NO_JSON, NULL,
                             "The body is no message: %s", message->problem));
}

/* Ids are those of the client, so that only its session tells which call is meant. Of the later era
 * hanging up is what cancels. */
static void take_notification(struct pyro_http_exchange *exchange,
                              const struct pyro_mcp_message *message)
{
    const json_t *id = json_object_get(message->params, "requestId");
    if (message->era == PYRO_MCP_LEGACY && exchange->headers.session && id &&
        strcmp(message->method, "notifications/cancelled") == 0)
        pyro_http_exchanges_cancel(exchange->server, exchange->headers.session, id);
}

static enum MHD_Result take_response(struct pyro_http_exchange *exchange,
                                     const struct pyro_mcp_message *message)
{
    pyro_mcp_server_hear(&exchange->server->server, message);
    return pyro_http_send_nothing(exchange, MHD_HTTP_ACCEPTED);
}

static enum MHD_Result call(struct pyro_http_exchange *exchange, struct pyro_mcp_message *message,
                            const struct pyro_operation *tool)
{
    const char *session = message->era == PYRO_MCP_LEGACY ? exchange->headers.session : NULL;
    exchange->id = json_deep_copy(message->id); /* the call's thread has the message */
    exchange->session = session ? strdup(session) : NULL;
    exchange->phase = PYRO_HTTP_CALLING;
    exchange->spoke_ms = pyro_now_ms();
    exchange->is_calling = true;
    pyro_http_exchange_suspend(exchange);
    pyro_mcp_calls_begin(&exchange->server->calls, message, tool, &exchange->sink);
    return MHD_YES;
}

static enum MHD_Result refuse_request(struct pyro_http_exchange *exchange,
                                      const struct pyro_mcp_message *request, char *line, int code)
{
    unsigned status = MHD_HTTP_OK;
    if (request->era == PYRO_MCP_MODERN)
        status = code == PYRO_MCP_UNKNOWN_METHOD ? MHD_HTTP_NOT_FOUND : MHD_HTTP_BAD_REQUEST;
    return pyro_http_send_json(exchange, status, line);
}

/* A session is nothing but a name for one client's ids: nothing is kept of it, and clients that
 * have none are served as well. */
static enum MHD_Result send_initialized(struct pyro_http_exchange *exchange, char *line)
{
    cleanup_free char *session = pyro_http_token_random(SESSION_SIZE);
    return pyro_http_send_text(exchange, MHD_HTTP_OK, PYRO_HTTP_JSON, line,
                               session ? "Mcp-Session-Id" : NULL, session);
}

static enum MHD_Result take_request(struct pyro_http_exchange *exchange,
                                    struct pyro_mcp_message *request)
{
    const struct pyro_operation *tool;
    int code;
    char *refusal = pyro_mcp_server_refuse(&exchange->server->server, request, &code);
    if (refusal)
        return refuse_request(exchange, request, refusal, code);
    char *line = pyro_mcp_server_take(&exchange->server->server, request, &tool);
    if (!line)
        return call(exchange, request, tool);
    if (strcmp(request->method, "initialize") == 0)
        return send_initialized(exchange, line);
    return pyro_http_send_json(exchange, MHD_HTTP_OK, line);
}

static enum MHD_Result take_message(struct pyro_http_exchange *exchange,
                                    struct pyro_mcp_message *message)
{
    if (message->kind == PYRO_MCP_INVALID)
        return refuse_invalid(exchange, message);
    message->era = pyro_http_headers_era(&exchange->headers, message);
    bool is_modern = message->era == PYRO_MCP_MODERN;
    if (message->kind == PYRO_MCP_RESPONSE && is_modern) /* nobody asks such clients */
        return pyro_http_send_nothing(exchange, MHD_HTTP_BAD_REQUEST);
    if (message->kind == PYRO_MCP_RESPONSE)
        return take_response(exchange, message);
    const char *field = is_modern ? pyro_http_headers_differ(&exchange->headers, message) : NULL;
    if (field)
        return pyro_http_send_json(
            exchange, MHD_HTTP_BAD_REQUEST,
            pyro_mcp_reply_error(message->id, PYRO_MCP_BAD_HEADERS, NULL,
                                 "Header mismatch: %s is missing or says something "
                                 "else than the body",
                                 field));
    if (message->kind == PYRO_MCP_REQUEST)
        return take_request(exchange, message);
    take_notification(exchange, message);
    return pyro_http_send_nothing(exchange, MHD_HTTP_ACCEPTED);
}

static enum MHD_Result take_body(struct pyro_http_exchange *exchange)
{
    struct pyro_mcp_message message;
    if (exchange->refused)
        return pyro_http_refuse(exchange);
    pyro_mcp_message_parse((const char *)pyro_buffer_data(&exchange->body), exchange->body.size,
                           &message);
    pyro_buffer_finish(&exchange->body);
    enum MHD_Result result = take_message(exchange, &message);
    pyro_mcp_message_finish(&message);
    return result;
}

/* ---- what a call has to say ---- */

static enum MHD_Result go_on(struct pyro_http_exchange *exchange)
{
    struct pyro_http_server *server = exchange->server;
    if (exchange->is_lost)
        return MHD_NO;
    pthread_mutex_lock(&server->lock);
    bool is_over = exchange->is_over;
    bool as_stream = !exchange->accepts_json || exchange->events.size > 0 ||
                     (exchange->accepts_stream && !exchange->reply);
    char *reply = is_over && !as_stream ? steal_pointer(&exchange->reply) : NULL;
    pthread_mutex_unlock(&server->lock);
    if (as_stream)
        return pyro_http_send_stream(exchange);
    /* Without a reply it was cancelled, and nothing is said of it. */
    return reply ? pyro_http_send_json(exchange, MHD_HTTP_OK, reply)
                 : pyro_http_send_nothing(exchange, MHD_HTTP_ACCEPTED);
}

enum MHD_Result pyro_http_answer(void *server, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **context)
{
    struct pyro_http_exchange *exchange = *context;
    (void)server;
    (void)connection;
    (void)version;
    if (!exchange)
        return MHD_NO;
    if (exchange->phase == PYRO_HTTP_NEW)
        return begin(exchange, path, method);
    if (exchange->phase == PYRO_HTTP_CALLING)
        return go_on(exchange);
    if (*size == 0)
        return take_body(exchange);
    take_part(exchange, bytes, *size);
    *size = 0;
    return MHD_YES;
}
