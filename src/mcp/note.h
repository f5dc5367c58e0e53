/* The server's log, for whoever runs it: lines on stderr. */
#ifndef PYRO_MCP_NOTE_H
#define PYRO_MCP_NOTE_H

#include "base/macros.h"

/* One line, without its newline. */
void pyro_mcp_note(const char *format, ...) PYRO_PRINTF(1, 2);

#endif
