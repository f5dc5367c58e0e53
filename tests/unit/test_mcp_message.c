/* Messages of MCP clients: told apart, ids kept as they are, and rubbish refused. */
#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "mcp/message.h"
#include "mcp/reply.h"
#include "tap.h"

static void is_kind(const char *text, enum pyro_mcp_kind kind, const char *name)
{
    struct pyro_mcp_message message;
    pyro_mcp_message_parse(text, strlen(text), &message);
    if (!is_int(message.kind, kind, name))
        printf("# %s\n", message.problem ? message.problem : "");
    is_int(message.problem != NULL, kind == PYRO_MCP_INVALID, "a problem is told");
    pyro_mcp_message_finish(&message);
}

#define CALL(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"

static void test_kinds(void)
{
    is_kind(CALL("1"), PYRO_MCP_REQUEST, "a request");
    is_kind(CALL("\"\""), PYRO_MCP_REQUEST, "an empty id");
    is_kind("{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", PYRO_MCP_NOTIFICATION, "a notification");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", PYRO_MCP_RESPONSE, "a response");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", PYRO_MCP_RESPONSE, "an error");
    is_kind("", PYRO_MCP_INVALID, "nothing");
    is_kind("{", PYRO_MCP_INVALID, "half a message");
    is_kind("null", PYRO_MCP_INVALID, "null");
    is_kind("[" CALL("1") "]", PYRO_MCP_INVALID, "a batch");
    is_kind(CALL("null"), PYRO_MCP_INVALID, "id null");
    is_kind(CALL("1.5"), PYRO_MCP_INVALID, "a broken id");
    is_kind(CALL("{}"), PYRO_MCP_INVALID, "an object as id");
    is_kind(CALL("1,\"id\":2"), PYRO_MCP_INVALID, "a key twice");
    is_kind(CALL("\"\\ud800\""), PYRO_MCP_INVALID, "a lone surrogate");
    is_kind(CALL("\"\xff\""), PYRO_MCP_INVALID, "no UTF-8");
    is_kind("{\"id\":1,\"method\":\"ping\"}", PYRO_MCP_INVALID, "no version");
    is_kind("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", PYRO_MCP_INVALID, "another");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1}", PYRO_MCP_INVALID, "nothing asked");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", PYRO_MCP_INVALID, "method 7");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\\u0000\"}", PYRO_MCP_INVALID,
            "a NUL in the method");
    is_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", PYRO_MCP_INVALID,
            "params that are no object");
}

static void is_echoed(const char *id)
{
    struct pyro_mcp_message message;
    char text[256], wanted[256];
    snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}", id);
    snprintf(wanted, sizeof(wanted), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n", id);
    pyro_mcp_message_parse(text, strlen(text), &message);
    cleanup_free char *reply = message.id ? pyro_mcp_reply(message.id, "{}") : NULL;
    is_text(reply, wanted, id);
    pyro_mcp_message_finish(&message);
}

static void test_ids(void)
{
    is_echoed("0");
    is_echoed("-7");
    is_echoed("9007199254740993"); /* 2^53 + 1: no double is that */
    is_echoed("9223372036854775807");
    is_echoed("\"7\"");
    is_echoed("\"\"");
    is_echoed("\"ä\\\"\\\\\\u0000\\n\"");
}

/* It has an answer all the same: the argument is wrong, the message is not. */
static void test_large_numbers(void)
{
    static const char text[] =
        "{\"jsonrpc\":\"2.0\",\"id\":12,\"method\":\"tools/call\",\"params\":{"
        "\"arguments\":{\"mem_mib\":99999999999999999999999}}}";
    struct pyro_mcp_message message;
    pyro_mcp_message_parse(text, strlen(text), &message);
    is_int(message.kind, PYRO_MCP_REQUEST, "a number beyond 64 bits");
    is_int(json_integer_value(message.id), 12, "its id stays a whole number");
    pyro_mcp_message_finish(&message);
}

static void is_era(const char *meta, enum pyro_mcp_era era, const char *name)
{
    struct pyro_mcp_message message;
    char text[512];
    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":%s}}", meta);
    pyro_mcp_message_parse(text, strlen(text), &message);
    is_int(message.era, era, name);
    pyro_mcp_message_finish(&message);
}

static void test_eras(void)
{
    is_era("{}", PYRO_MCP_LEGACY, "nothing");
    is_era("null", PYRO_MCP_LEGACY, "no meta");
    is_era("{\"progressToken\":0}", PYRO_MCP_LEGACY, "a token alone");
    is_era("{\"" PYRO_MCP_META_VERSION "\":\"2026-07-28\"}", PYRO_MCP_MODERN, "a version");
    is_era("{\"" PYRO_MCP_META_VERSION "\":7}", PYRO_MCP_MODERN, "a wrong one");
}

static void is_nested(size_t depth, enum pyro_mcp_kind kind, const char *name)
{
    static char text[600 * 1024];
    size_t used =
        (size_t)sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{"
                              "\"a\":");
    memset(text + used, '[', depth);
    memset(text + used + depth, ']', depth);
    strcpy(text + used + 2 * depth, "}}");
    is_kind(text, kind, name);
}

static void test_limits(void)
{
    is_nested(PYRO_MCP_NESTING_MAX - 2, PYRO_MCP_REQUEST, "as deep as is allowed");
    is_nested(PYRO_MCP_NESTING_MAX - 1, PYRO_MCP_INVALID, "one deeper");
    is_nested(250000, PYRO_MCP_INVALID, "so deep that recursion would end badly");
    is_kind(CALL("\"[[[[{{{{\\\"[[[[\""), PYRO_MCP_REQUEST, "brackets in strings nest nothing");
}

/* Cut anywhere, it is no message. */
static void test_truncation(void)
{
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":\"ä\\u00e4\",\"method\":\"x\","
                               "\"params\":{\"a\":[1,2.5e3,null]}}";
    int good = 0;
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        struct pyro_mcp_message message;
        cleanup_free char *part = malloc(size + 1);
        memcpy(part, text, size);
        pyro_mcp_message_parse(part, size, &message);
        good += message.kind != PYRO_MCP_INVALID;
        pyro_mcp_message_finish(&message);
    }
    is_int(good, 0, "no part of a message is one");
}

int main(void)
{
    test_kinds();
    test_ids();
    test_large_numbers();
    test_eras();
    test_limits();
    test_truncation();
    return tap_done();
}
