/* What a call is at, in one line that people can read. */
#ifndef PYRO_MCP_PROGRESS_H
#define PYRO_MCP_PROGRESS_H

#include <pyro/pyro.h>
#include <stdbool.h>

enum {
    PYRO_MCP_PROGRESS_TAIL = 2048,
    PYRO_MCP_PROGRESS_CHARS = 200,
};

struct pyro_mcp_progress {
    char tail[PYRO_MCP_PROGRESS_TAIL]; /* of the command's output */
    size_t tail_size;
    char step[256]; /* of what pyro does; empty once the command writes */
};

void pyro_mcp_progress_step(struct pyro_mcp_progress *progress, const struct pyro_progress *step);
void pyro_mcp_progress_output(struct pyro_mcp_progress *progress, const void *bytes, size_t size);

/* The step, or the last line of output that says something. Printable, at most 200 characters. To
 * be freed, NULL when out of memory. */
char *pyro_mcp_progress_text(const struct pyro_mcp_progress *progress);

#endif
