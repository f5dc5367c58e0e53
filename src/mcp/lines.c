#include "mcp/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

enum {
    READ_SIZE = 64 * 1024,
    KEPT_SIZE = 1024 * 1024, /* a larger buffer is given back when it is empty */
};

void pyro_mcp_lines_init(struct pyro_mcp_lines *lines, size_t longest)
{
    *lines = (struct pyro_mcp_lines){0};
    pyro_buffer_init(&lines->buffer, longest + READ_SIZE);
}

void pyro_mcp_lines_finish(struct pyro_mcp_lines *lines)
{
    pyro_buffer_finish(&lines->buffer);
}

long pyro_mcp_lines_read(struct pyro_mcp_lines *lines, int fd)
{
    if (lines->buffer.size == 0 && lines->buffer.capacity > KEPT_SIZE)
        pyro_buffer_finish(&lines->buffer);
    return pyro_buffer_read(&lines->buffer, fd, READ_SIZE);
}

static void drop(struct pyro_mcp_lines *lines, size_t size)
{
    pyro_buffer_consume(&lines->buffer, size);
    lines->looked_at = 0;
}

/* No newline yet. One that is longer than it may be is not kept, whatever is still to come of it.
 */
static int wait_for_more(struct pyro_mcp_lines *lines)
{
    struct pyro_buffer *buffer = &lines->buffer;
    lines->looked_at = buffer->size;
    if (!lines->skipping && pyro_buffer_room(buffer) >= READ_SIZE)
        return 0;
    lines->skipping = true;
    drop(lines, buffer->size);
    return 0;
}

int pyro_mcp_lines_next(struct pyro_mcp_lines *lines, const char **ret_line, size_t *ret_size)
{
    struct pyro_buffer *buffer = &lines->buffer;
    const char *line = (const char *)pyro_buffer_data(buffer);
    size_t left = buffer->size - lines->looked_at;
    const char *end = left > 0 ? memchr(line + lines->looked_at, '\n', left) : NULL;
    if (!end)
        return wait_for_more(lines);
    bool skipped = lines->skipping;
    lines->skipping = false;
    drop(lines, (size_t)(end - line) + 1); /* the bytes stay where they are until the next read */
    if (skipped)
        return -EMSGSIZE;
    *ret_line = line;
    *ret_size = (size_t)(end - line);
    if (*ret_size > 0 && line[*ret_size - 1] == '\r')
        --*ret_size;
    return 1;
}
