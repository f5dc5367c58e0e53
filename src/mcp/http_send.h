/* Sending the answer of an exchange, which is then done but for what a stream has to say. */
#ifndef PYRO_MCP_HTTP_SEND_H
#define PYRO_MCP_HTTP_SEND_H

#include "mcp/http_exchange.h"

#define PYRO_HTTP_JSON "application/json"
#define PYRO_HTTP_STREAM "text/event-stream"

/* `text` is taken over; NULL: memory ran out. `header`: one more field, or NULL. */
enum MHD_Result pyro_http_send_text(struct pyro_http_exchange *exchange, unsigned status,
                                    const char *type, char *text, const char *header,
                                    const char *value);

/* `line` is taken over, as above. */
enum MHD_Result pyro_http_send_json(struct pyro_http_exchange *exchange, unsigned status,
                                    char *line);

enum MHD_Result pyro_http_send_nothing(struct pyro_http_exchange *exchange, unsigned status);

/* What the call has to say, until it has ended. */
enum MHD_Result pyro_http_send_stream(struct pyro_http_exchange *exchange);

#endif
