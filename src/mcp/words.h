/* Messages of operations, which speak of commands, in the words of a client that has tools. */
#ifndef PYRO_MCP_WORDS_H
#define PYRO_MCP_WORDS_H

/* A copy in which "pyro workspace create" is "workspace_create", and so on for every command that
 * is a tool; made valid UTF-8. To be freed, NULL when out of memory. */
char *pyro_mcp_tool_words(const char *text);

#endif
