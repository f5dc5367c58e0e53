/* Lines read from a descriptor, as they come in parts. */
#ifndef PYRO_MCP_LINES_H
#define PYRO_MCP_LINES_H

#include <stdbool.h>

#include "base/buffer.h"

struct pyro_mcp_lines {
    struct pyro_buffer buffer;
    size_t looked_at; /* bytes of it that hold no newline */
    bool skipping;    /* the line that is coming is too long */
};

void pyro_mcp_lines_init(struct pyro_mcp_lines *lines, size_t longest);
void pyro_mcp_lines_finish(struct pyro_mcp_lines *lines);

/* Reads once. Bytes, 0 at the end, or a negative errno. */
long pyro_mcp_lines_read(struct pyro_mcp_lines *lines, int fd);

/* The next whole line without its end ("\n" or "\r\n"), good until the next call. 1; 0: there is
 * none yet; -EMSGSIZE: one that was too long was left out. */
int pyro_mcp_lines_next(struct pyro_mcp_lines *lines, const char **ret_line, size_t *ret_size);

#endif
