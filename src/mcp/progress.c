#include "mcp/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "operation/plain.h"

void pyro_mcp_progress_step(struct pyro_mcp_progress *progress, const struct pyro_progress *step)
{
    bool is_notice = strcmp(step->operation, PYRO_PROGRESS_NOTICE) == 0;
    const char *message = step->message ? step->message : "";
    char part[16] = "";
    if (step->total > 0)
        snprintf(part, sizeof(part), " %u%%",
                 (unsigned)(MIN(step->done, step->total) * 100.0 / (double)step->total));
    if (is_notice)
        snprintf(progress->step, sizeof(progress->step), "%s", message);
    else
        snprintf(progress->step, sizeof(progress->step), "%s: %s%s%s%s", step->operation,
                 step->phase ? step->phase : "", part, *message ? ", " : "", message);
}

void pyro_mcp_progress_output(struct pyro_mcp_progress *progress, const void *bytes, size_t size)
{
    const char *at = bytes;
    if (size > sizeof(progress->tail)) {
        at += size - sizeof(progress->tail);
        size = sizeof(progress->tail);
    }
    size_t kept = MIN(progress->tail_size, sizeof(progress->tail) - size);
    memmove(progress->tail, progress->tail + progress->tail_size - kept, kept);
    memcpy(progress->tail + kept, at, size);
    progress->tail_size = kept + size;
    progress->step[0] = '\0';
}

/* The last line of a text that is not empty. */
static char *last_line(const char *text, size_t size)
{
    while (size > 0 && strchr(" \t\n", text[size - 1]))
        size--;
    const char *before = memrchr(text, '\n', size);
    const char *line = before ? before + 1 : text;
    return strndup(line, (size_t)(text + size - line));
}

static void cut(char *line)
{
    size_t count = 0;
    for (; *line; line++) {
        if (*line == '\t' || *line == '\n')
            *line = ' ';
        if (((unsigned char)*line & 0xc0) != 0x80 && count++ == PYRO_MCP_PROGRESS_CHARS)
            break;
    }
    *line = '\0';
}

char *pyro_mcp_progress_text(const struct pyro_mcp_progress *progress)
{
    const char *source = progress->step[0] ? progress->step : progress->tail;
    size_t size = progress->step[0] ? strlen(progress->step) : progress->tail_size;
    size_t valid_size, used, plain_size;
    cleanup_free char *valid = pyro_text_to_utf8(source, size, &valid_size);
    cleanup_free char *plain =
        valid ? pyro_plain_text(valid, valid_size, valid_size, true, &used, &plain_size) : NULL;
    char *line = plain ? last_line(plain, plain_size) : NULL;
    if (line)
        cut(line);
    return line;
}
