/* What the header of a request already decides, whatever its body says. */
#ifndef PYRO_MCP_HTTP_JUDGE_H
#define PYRO_MCP_HTTP_JUDGE_H

#include "mcp/http_exchange.h"

/* The status that the request is refused with, or 0. */
unsigned pyro_http_judge(const struct pyro_http_exchange *exchange, const char *path,
                         const char *method);

/* Answers with the status that the exchange is refused with. */
enum MHD_Result pyro_http_refuse(struct pyro_http_exchange *exchange);

#endif
