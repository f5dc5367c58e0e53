/* What a request is answered with. */
#ifndef PYRO_MCP_HTTP_ANSWER_H
#define PYRO_MCP_HTTP_ANSWER_H

#include "mcp/http_exchange.h"

/* For MHD_start_daemon(), with the server: called when the header is there, for each part of the
 * body, at its end, and once more when a suspended connection goes on. */
enum MHD_Result pyro_http_answer(void *server, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **context);

#endif
