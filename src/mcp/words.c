#include "mcp/words.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "operation/operation.h"

/* The tool whose command the text begins with. */
static const struct pyro_operation *find_command(const char *text)
{
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        size_t length = (*at)->cli && (*at)->mcp ? strlen((*at)->cli) : 0;
        if (length > 0 && strncmp(text, (*at)->cli, length) == 0 &&
            !isalnum((unsigned char)text[length]))
            return *at;
    }
    return NULL;
}

static int translate(const char *text, struct pyro_buffer *buffer)
{
    static const char prefix[] = "pyro ";
    int r = 0;
    while (r == 0 && *text) {
        const char *found = strstr(text, prefix);
        const char *command = found ? found + strlen(prefix) : NULL;
        const struct pyro_operation *tool = command ? find_command(command) : NULL;
        const char *end = tool ? found : command ? command : text + strlen(text);
        r = pyro_buffer_append(buffer, text, (size_t)(end - text));
        if (r == 0 && tool)
            r = pyro_buffer_append(buffer, tool->mcp, strlen(tool->mcp));
        text = tool ? command + strlen(tool->cli) : end;
    }
    return r;
}

char *pyro_mcp_tool_words(const char *text)
{
    enum { LONGEST = 8192 };
    struct pyro_buffer buffer;
    if (*text == '\0')
        return strdup("");
    pyro_buffer_init(&buffer, LONGEST);
    char *words = translate(text, &buffer) == 0
                      ? pyro_text_to_utf8(pyro_buffer_data(&buffer), buffer.size, NULL)
                      : NULL;
    pyro_buffer_finish(&buffer);
    return words;
}
