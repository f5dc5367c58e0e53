#include "wire/endpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* No blanks and nothing that has a meaning elsewhere in a URL. */
static bool parse_host(const char *text, size_t size, char host[256])
{
    bool is_bracketed = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    text += is_bracketed ? 1 : 0;
    size -= is_bracketed ? 2 : 0;
    if (size == 0 || size >= 256)
        return false;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] <= ' ' || strchr("[]/?#@\x7f", text[i]))
            return false;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    return true;
}

static bool parse_port(const char *text, size_t size, char port[6])
{
    if (size == 0 || size >= 6 || strspn(text, "0123456789") < size)
        return false;
    memcpy(port, text, size);
    port[size] = '\0';
    int number = atoi(port);
    return number > 0 && number <= UINT16_MAX;
}

bool pyro_endpoint_parse(const char *text, size_t size, const char *port,
                         struct pyro_endpoint *ret_endpoint)
{
    const char *end = text + size, *colon = memrchr(text, ':', size);
    const char *bracket = memrchr(text, ']', size);
    if (colon && bracket && colon < bracket)
        colon = NULL; /* of the address */
    if (colon && port && memchr(text, ':', (size_t)(colon - text)) && *text != '[')
        return false; /* which of them are the port? */
    if (colon)
        return parse_host(text, (size_t)(colon - text), ret_endpoint->host) &&
               parse_port(colon + 1, (size_t)(end - colon - 1), ret_endpoint->port);
    return port && parse_host(text, size, ret_endpoint->host) &&
           parse_port(port, strlen(port), ret_endpoint->port);
}

bool pyro_url_parse(const char *text, struct pyro_url *ret_url)
{
    static const char scheme[] = "http://";
    if (strncmp(text, scheme, strlen(scheme)) != 0)
        return false;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    }
    ret_url->authority = text + strlen(scheme);
    ret_url->authority_size = strcspn(ret_url->authority, "/?#");
    ret_url->path = ret_url->authority + ret_url->authority_size;
    ret_url->path_size = strcspn(ret_url->path, "#");
    return pyro_endpoint_parse(ret_url->authority, ret_url->authority_size, "80",
                               &ret_url->endpoint);
}
