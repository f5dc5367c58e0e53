#include "mcp/http_send.h"

#include <string.h>

/* `response` is taken over. */
static enum MHD_Result send_response(struct pyro_http_exchange *exchange, unsigned status,
                                     struct MHD_Response *response)
{
    exchange->phase = PYRO_HTTP_ANSWERED;
    if (!response)
        return MHD_NO;
    enum MHD_Result sent = MHD_queue_response(exchange->connection, status, response);
    MHD_destroy_response(response);
    return sent;
}

enum MHD_Result pyro_http_send_text(struct pyro_http_exchange *exchange, unsigned status,
                                    const char *type, char *text, const char *header,
                                    const char *value)
{
    if (!text) {
        status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        text = strdup("");
    }
    pyro_http_peer_allow(exchange->peer, PYRO_HTTP_ANSWER_MS);
    struct MHD_Response *response =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (response && *text)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (response && header)
        MHD_add_response_header(response, header, value);
    return send_response(exchange, status, response);
}

enum MHD_Result pyro_http_send_json(struct pyro_http_exchange *exchange, unsigned status,
                                    char *line)
{
    return pyro_http_send_text(exchange, status, PYRO_HTTP_JSON, line, NULL, NULL);
}

enum MHD_Result pyro_http_send_nothing(struct pyro_http_exchange *exchange, unsigned status)
{
    return pyro_http_send_text(exchange, status, NULL, strdup(""), NULL, NULL);
}

enum MHD_Result pyro_http_send_stream(struct pyro_http_exchange *exchange)
{
    enum { BLOCK = 16 * 1024 };
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK, pyro_http_exchange_read, exchange, NULL);
    exchange->is_streaming = true;
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, PYRO_HTTP_STREAM);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
        MHD_add_response_header(response, "X-Accel-Buffering", "no");
    }
    return send_response(exchange, MHD_HTTP_OK, response);
}
