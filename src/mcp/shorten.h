/* Results as a model can use them: nothing null, long strings and long lists cut. */
#ifndef PYRO_MCP_SHORTEN_H
#define PYRO_MCP_SHORTEN_H

#include <jansson.h>

enum {
    PYRO_MCP_STRING_MAX = 16 * 1024,                     /* bytes of one string */
    PYRO_MCP_LIST_MAX = 200,                             /* objects in one list */
    PYRO_MCP_LIST_STRINGS_MAX = 2 * PYRO_MCP_STRING_MAX, /* shared by the objects of one list */
};

/* `NAME_left_out` says how many objects of the list NAME are not shown. */
#define PYRO_MCP_LEFT_OUT "_left_out"

/* A copy of a result without members that are null. Of strings that are too long head and tail
 * stay, with a line between them that ends with `rest`: how to get what is left out. NULL when
 * out of memory. */
json_t *pyro_mcp_shorten(const json_t *result, const char *rest);

#endif
