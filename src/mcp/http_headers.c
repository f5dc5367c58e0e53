#include "mcp/http_headers.h"

#include <nettle/base64.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "mcp/server.h"

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"Host", offsetof(struct pyro_http_headers, host)},
    {"Origin", offsetof(struct pyro_http_headers, origin)},
    {"Authorization", offsetof(struct pyro_http_headers, authorization)},
    {"Content-Type", offsetof(struct pyro_http_headers, content_type)},
    {"Accept", offsetof(struct pyro_http_headers, accept)},
    {"MCP-Protocol-Version", offsetof(struct pyro_http_headers, version)},
    {"Mcp-Method", offsetof(struct pyro_http_headers, method)},
    {"Mcp-Name", offsetof(struct pyro_http_headers, name)},
    {"Mcp-Session-Id", offsetof(struct pyro_http_headers, session)},
};

void pyro_http_headers_add(struct pyro_http_headers *headers, const char *name, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (strcasecmp(fields[i].name, name) != 0)
            continue;
        const char **field = (const char **)((char *)headers + fields[i].offset);
        headers->is_ambiguous = headers->is_ambiguous || *field;
        *field = value ? value : "";
    }
}

/* ---- media types ---- */

/* Whether `text`, up to its parameters, is the type or a range that holds it. */
static bool is_type(const char *text, size_t length, const char *type)
{
    size_t family = strcspn(type, "/") + 1;
    if (length == strlen("*/*") && strncmp(text, "*/*", length) == 0)
        return true;
    if (length == family + 1 && text[family] == '*')
        return strncasecmp(text, type, family) == 0;
    return length == strlen(type) && strncasecmp(text, type, length) == 0;
}

bool pyro_http_headers_accept(const struct pyro_http_headers *headers, const char *type)
{
    const char *at = headers->accept ? headers->accept : "*/*";
    while (*at) {
        at += strspn(at, ", \t");
        if (is_type(at, strcspn(at, ",; \t"), type))
            return true;
        at += strcspn(at, ",");
    }
    return false;
}

bool pyro_http_headers_is_json(const struct pyro_http_headers *headers)
{
    static const char json[] = "application/json";
    const char *type = headers->content_type ? headers->content_type : "";
    return strcspn(type, "; \t") == strlen(json) && strncasecmp(type, json, strlen(json)) == 0;
}

/* ---- the message once more ---- */

/* The value without white space around it, and decoded where it says that it is encoded. To be
 * freed; NULL: it cannot be decoded, or memory ran out. */
static char *decode(const char *value)
{
    static const char before[] = "=?base64?", behind[] = "?=";
    value += strspn(value, " \t");
    size_t length = strlen(value), frame = strlen(before) + strlen(behind);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    if (length < frame || strncmp(value, before, strlen(before)) != 0 ||
        strncmp(value + length - strlen(behind), behind, strlen(behind)) != 0)
        return strndup(value, length);
    struct base64_decode_ctx context;
    base64_decode_init(&context);
    length -= frame;
    size_t size = 0;
    char *text = calloc(1, BASE64_DECODE_LENGTH(length) + 1);
    if (text &&
        base64_decode_update(&context, &size, (uint8_t *)text, length, value + strlen(before)) &&
        base64_decode_final(&context) && strlen(text) == size)
        return text;
    free(text);
    return NULL;
}

static bool is_same(const char *header, const char *wanted)
{
    cleanup_free char *decoded = header ? decode(header) : NULL;
    return decoded && strcmp(decoded, wanted) == 0;
}

/* What the message is about, NULL: its method names nothing. */
static const char *find_name(const struct pyro_mcp_message *message)
{
    static const struct {
        const char *method, *member;
    } named[] = {
        {"tools/call", "name"},  {"prompts/get", "name"},    {"resources/read", "uri"},
        {"tasks/get", "taskId"}, {"tasks/update", "taskId"}, {"tasks/cancel", "taskId"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        if (strcmp(named[i].method, message->method) == 0)
            return pyro_mcp_text(message->params, named[i].member);
    }
    return NULL;
}

enum pyro_mcp_era pyro_http_headers_era(const struct pyro_http_headers *headers,
                                        const struct pyro_mcp_message *message)
{
    if (message->era == PYRO_MCP_MODERN || !headers->version)
        return message->era;
    cleanup_free char *version = decode(headers->version);
    return version && pyro_mcp_version_is_legacy(version) ? PYRO_MCP_LEGACY : PYRO_MCP_MODERN;
}

const char *pyro_http_headers_differ(const struct pyro_http_headers *headers,
                                     const struct pyro_mcp_message *message)
{
    const char *version = pyro_mcp_text(message->meta, PYRO_MCP_META_VERSION);
    const char *name = find_name(message);
    if (version && !is_same(headers->version, version))
        return "MCP-Protocol-Version";
    if (!is_same(headers->method, message->method))
        return "Mcp-Method";
    return name && !is_same(headers->name, name) ? "Mcp-Name" : NULL;
}
