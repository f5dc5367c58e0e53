#include "workspace/show.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"

enum { LONGEST = 180 };

/* C0 and DEL are one byte, C1 (U+0080 to U+009F) are two: 0xc2 and this. A terminal obeys them. */
static void replace_controls(char *text)
{
    for (char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at, next = (unsigned char)at[1];
        if (byte < 0x20 || byte == 0x7f)
            *at = '?';
        else if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
            at[0] = at[1] = '?';
    }
}

struct pyro_shown_path pyro_show_path(const char *path)
{
    struct pyro_shown_path shown = {.text = "an entry"};
    size_t size;
    cleanup_free char *valid = pyro_text_to_utf8(path, strlen(path), &size);
    if (!valid)
        return shown;
    replace_controls(valid);
    const char *tail = valid + (size > LONGEST ? size - LONGEST : 0);
    while (((unsigned char)*tail & 0xc0) == 0x80) /* not in the middle of a character */
        tail++;
    snprintf(shown.text, sizeof(shown.text), "'%s%s'", tail > valid ? "…" : "", tail);
    return shown;
}
