/* Names in a patch, as git writes them with core.quotePath on: what follows is ASCII, on one line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/diff_parts.h"

/* The byte in C's quotes; of an ordinary one, itself. */
static size_t escape(unsigned char byte, char ret_text[5])
{
    static const char plain[] = "\a\b\t\n\v\f\r\"\\", letters[] = "abtnvfr\"\\";
    const char *found = byte ? strchr(plain, byte) : NULL;
    if (found)
        return (size_t)snprintf(ret_text, 5, "\\%c", letters[found - plain]);
    if (byte < 0x20 || byte >= 0x7f)
        return (size_t)snprintf(ret_text, 5, "\\%03o", byte);
    ret_text[0] = (char)byte;
    return 1;
}

static bool is_unusual(const char *path)
{
    char text[5];
    for (; *path; path++) {
        if (escape((unsigned char)*path, text) > 1)
            return true;
    }
    return false;
}

int pyro_diff_put_name(struct pyro_buffer *out, const char *side, const char *path, bool is_quoted)
{
    char text[4 * PYRO_TREE_PATH_MAX + 8], *at = text;
    is_quoted = is_quoted || is_unusual(path);
    if (is_quoted)
        *at++ = '"';
    at = stpcpy(at, side);
    for (; *path; path++)
        at += escape((unsigned char)*path, at);
    if (is_quoted)
        *at++ = '"';
    return pyro_buffer_append(out, text, (size_t)(at - text));
}
