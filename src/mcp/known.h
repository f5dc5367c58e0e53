/* What tools have answered before and would answer again. A result is remembered with the mark of
 * what it depends on (struct pyro_operation); while that is the same, the thread that listens
 * answers by itself. It looks at that every few milliseconds, not more often: a call cannot tell
 * whether a change came just before or just after it. */
#ifndef PYRO_MCP_KNOWN_H
#define PYRO_MCP_KNOWN_H

#include <pthread.h>

#include "base/buffer.h"
#include "base/home.h"
#include "mcp/message.h"
#include "operation/operation.h"

enum { PYRO_MCP_MARK_MAX = 64 * 1024 }; /* bytes */

/* One result, of the operation that was called last. */
struct pyro_mcp_known {
    struct pyro_home home;
    bool has_home;
    pthread_mutex_t lock;
    const struct pyro_operation *tool; /* NULL: nothing is known */
    struct pyro_buffer mark;
    uint64_t looked_us;         /* when the mark was compared last and still fitted */
    char *texts[PYRO_MCP_ERAS]; /* results of tools/call; NULL: not known */
};

void pyro_mcp_known_init(struct pyro_mcp_known *known);
void pyro_mcp_known_finish(struct pyro_mcp_known *known);

/* The reply to a call of the tool, if it is known. To be freed; NULL: call it. */
char *pyro_mcp_known_reply(struct pyro_mcp_known *known, const struct pyro_operation *tool,
                           const struct pyro_mcp_message *request);

/* What the result of a call that begins now will depend on; false: it cannot be remembered. The
 * mark is to be finished in any case. */
bool pyro_mcp_known_begin(struct pyro_mcp_known *known, const struct pyro_operation *tool,
                          const struct pyro_mcp_message *request, struct pyro_buffer *ret_mark);
/* It has ended: remembers its result as text. */
void pyro_mcp_known_end(struct pyro_mcp_known *known, const struct pyro_operation *tool,
                        enum pyro_mcp_era era, const struct pyro_buffer *mark, const char *text);

#endif
