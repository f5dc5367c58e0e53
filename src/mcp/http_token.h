/* The token that HTTP clients send: kept in a file that nobody else can read. */
#ifndef PYRO_MCP_HTTP_TOKEN_H
#define PYRO_MCP_HTTP_TOKEN_H

#include <stdbool.h>

#include "base/error.h"

/* Reads the token, or makes one where there is no file (`ret_made`). A file that others could read
 * is refused. To be freed; NULL and an error. */
char *pyro_http_token_load(const char *path, bool *ret_made, struct pyro_error *error);

/* Whether a request's Authorization (NULL: it has none) is "Bearer TOKEN". Takes as long for any
 * wrong token of that length. */
bool pyro_http_token_matches(const char *token, const char *authorization);

/* `size` random bytes in hexadecimal digits, to be freed; NULL: there are none to be had. */
char *pyro_http_token_random(size_t size);

#endif
