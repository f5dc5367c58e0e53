#include "mcp/reply.h"

#include <pyro/pyro.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

char *pyro_mcp_dump(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

char *pyro_mcp_reply(const json_t *id, const char *result)
{
    cleanup_free char *shown = pyro_mcp_dump(id);
    if (!shown || !result)
        return NULL;
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":", middle[] = ",\"result\":",
                      end[] = "}\n";
    size_t id_size = strlen(shown), result_size = strlen(result);
    char *line = malloc(sizeof(head) + sizeof(middle) + sizeof(end) + id_size + result_size);
    if (!line)
        return NULL;
    char *at = mempcpy(line, head, sizeof(head) - 1);
    at = mempcpy(at, shown, id_size);
    at = mempcpy(at, middle, sizeof(middle) - 1);
    at = mempcpy(at, result, result_size);
    memcpy(at, end, sizeof(end));
    return line;
}

/* The value and a newline. */
static char *to_line(const json_t *value)
{
    cleanup_free char *text = value ? pyro_mcp_dump(value) : NULL;
    return text ? pyro_text_format("%s\n", text) : NULL;
}

char *pyro_mcp_reply_error(const json_t *id, int code, json_t *data, const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    cleanup_free char *shown = pyro_text_to_utf8(message, strlen(message), NULL);
    cleanup_json json_t *line =
        json_pack("{s:s, s:O*, s:{s:i, s:s, s:o*}}", "jsonrpc", "2.0", "id", id, "error", "code",
                  code, "message", shown ? shown : "", "data", data);
    return to_line(line);
}

char *pyro_mcp_notify_progress(const json_t *token, unsigned progress, const char *message)
{
    cleanup_json json_t *line = json_pack(
        "{s:s, s:s, s:{s:O, s:I, s:s%}}", "jsonrpc", "2.0", "method", "notifications/progress",
        "params", "progressToken", token, "progress", (json_int_t)progress, "message", message,
        pyro_text_valid(message, strlen(message)));
    return to_line(line);
}

json_t *pyro_mcp_server_info(void)
{
    return json_pack("{s:s, s:s, s:s}", "name", "pyro-mcp", "title", "Pyro", "version",
                     PYRO_VERSION);
}

int pyro_mcp_result_complete(enum pyro_mcp_era era, json_t *result)
{
    if (era == PYRO_MCP_LEGACY)
        return 0;
    json_t *meta = json_pack("{s:o}", PYRO_MCP_META "serverInfo", pyro_mcp_server_info());
    int r = json_object_set_new(result, "_meta", meta);
    return r == 0 ? json_object_set_new(result, "resultType", json_string("complete")) : r;
}
