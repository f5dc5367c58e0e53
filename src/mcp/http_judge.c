#include "mcp/http_judge.h"

#include <string.h>

#include "mcp/http.h"
#include "mcp/http_send.h"
#include "mcp/http_token.h"

static unsigned judge_caller(const struct pyro_http_exchange *exchange)
{
    const struct pyro_http_guard *guard = &exchange->server->guard;
    const struct pyro_http_headers *headers = &exchange->headers;
    if (headers->is_ambiguous)
        return MHD_HTTP_BAD_REQUEST;
    if (!pyro_http_guard_host(guard, headers->host) ||
        !pyro_http_guard_origin(guard, headers->origin) ||
        (pyro_http_address_is_unix(guard->address) && !pyro_http_peer_is_own(exchange->peer)))
        return MHD_HTTP_FORBIDDEN;
    if (guard->token && !pyro_http_token_matches(guard->token, headers->authorization))
        return MHD_HTTP_UNAUTHORIZED;
    return 0;
}

unsigned pyro_http_judge(const struct pyro_http_exchange *exchange, const char *path,
                         const char *method)
{
    const struct pyro_http_headers *headers = &exchange->headers;
    unsigned status = judge_caller(exchange);
    if (status)
        return status;
    if (strcmp(path, PYRO_MCP_HTTP_PATH) != 0)
        return MHD_HTTP_NOT_FOUND;
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    if (!pyro_http_headers_is_json(headers))
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    return exchange->accepts_json || exchange->accepts_stream ? 0 : MHD_HTTP_NOT_ACCEPTABLE;
}

static const struct {
    unsigned status;
    const char *text, *header, *value;
} refusals[] = {
    {MHD_HTTP_BAD_REQUEST, "A header field that may come once came twice.\n", NULL, NULL},
    {MHD_HTTP_UNAUTHORIZED,
     "This server wants the token of its --token-file, as Authorization: Bearer TOKEN.\n",
     MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"pyro\""},
    {MHD_HTTP_FORBIDDEN,
     "Host or Origin is none of this server: use the address that it listens on.\n", NULL, NULL},
    {MHD_HTTP_NOT_FOUND, "There is nothing here; MCP is at " PYRO_MCP_HTTP_PATH ".\n", NULL, NULL},
    {MHD_HTTP_METHOD_NOT_ALLOWED, "Messages are sent with POST.\n", MHD_HTTP_HEADER_ALLOW,
     MHD_HTTP_METHOD_POST},
    {MHD_HTTP_NOT_ACCEPTABLE,
     "Answers are " PYRO_HTTP_JSON " or " PYRO_HTTP_STREAM ", and Accept names neither.\n", NULL,
     NULL},
    {MHD_HTTP_CONTENT_TOO_LARGE, "A message may have 16 MiB.\n", NULL, NULL},
    {MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "A message is sent as Content-Type: " PYRO_HTTP_JSON ".\n",
     NULL, NULL},
    {MHD_HTTP_SERVICE_UNAVAILABLE, "Too many large requests at once: try again.\n",
     MHD_HTTP_HEADER_RETRY_AFTER, "5"},
};

enum MHD_Result pyro_http_refuse(struct pyro_http_exchange *exchange)
{
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        if (refusals[i].status == exchange->refused)
            return pyro_http_send_text(exchange, exchange->refused, "text/plain",
                                       strdup(refusals[i].text), refusals[i].header,
                                       refusals[i].value);
    }
    return MHD_NO;
}
