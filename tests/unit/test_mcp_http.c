/* The rules of HTTP that need no connection: addresses, Host and Origin, header fields, the token.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "mcp/http_guard.h"
#include "mcp/http_token.h"
#include "tap.h"

/* ---- addresses ---- */

static void reads_as(const char *text, const char *wanted, bool is_local)
{
    struct pyro_http_address address;
    struct pyro_error error = PYRO_ERROR_INIT;
    int r = pyro_http_address_parse(&address, text, &error);
    cleanup_free char *shown = r == 0 ? pyro_http_address_show(&address) : NULL;
    is_text(shown, wanted, text);
    is_int(r == 0 && pyro_http_address_is_local(&address), is_local, "whether it is local");
}

static void is_refused(const char *text)
{
    struct pyro_http_address address;
    struct pyro_error error = PYRO_ERROR_INIT;
    ok(pyro_http_address_parse(&address, text, &error) < 0 && error.hint[0] &&
           error.code == PYRO_ERROR_INVALID_PARAMETER,
       "'%.40s' is no address", text);
}

static void test_addresses(void)
{
    char path[200];
    reads_as("127.0.0.1:8765", "http://127.0.0.1:8765/mcp", true);
    reads_as("127.1.2.3:1", "http://127.1.2.3:1/mcp", true);
    reads_as("localhost:0", "http://127.0.0.1:0/mcp", true);
    reads_as("[::1]:65535", "http://[::1]:65535/mcp", true);
    reads_as("0.0.0.0:80", "http://0.0.0.0:80/mcp", false);
    reads_as("[::]:80", "http://[::]:80/mcp", false);
    reads_as("[::ffff:127.0.0.1]:80", "http://[::ffff:127.0.0.1]:80/mcp", false);
    reads_as("192.0.2.1:80", "http://192.0.2.1:80/mcp", false);
    reads_as("unix:/run/x y", "unix:/run/x y", true);
    const char *const bad[] = {"",
                               ":80",
                               "127.0.0.1",
                               "127.0.0.1:",
                               "8765",
                               "::1:80",
                               "[::1]",
                               "127.0.0.1:65536",
                               "[]:80",
                               "127.0.0.1:-1",
                               "unix:",
                               "127.0.0.1:+1",
                               "127.0.0.1: 1",
                               "example.org:80",
                               "127.0.0.1:80x",
                               "http://127.0.0.1:80"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        is_refused(bad[i]);
    snprintf(path, sizeof(path), "unix:%0150d", 0);
    is_refused(path);
}

/* ---- Host and Origin ---- */

static void are_hosts(const char *bound, bool wanted, const char *const *hosts)
{
    struct pyro_http_address address;
    const struct pyro_http_guard guard = {&address, "builder", NULL};
    pyro_http_address_parse(&address, bound, NULL);
    for (; *hosts; hosts++) {
        char origin[128];
        snprintf(origin, sizeof(origin), "http://%s", *hosts);
        is_int(pyro_http_guard_host(&guard, *hosts), wanted, *hosts);
        is_int(pyro_http_guard_origin(&guard, origin), wanted, origin);
    }
}

#define HOSTS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void test_hosts(void)
{
    are_hosts("127.0.0.1:8765", true,
              HOSTS("127.0.0.1:8765", "localhost:8765", "LocalHost:8765", "[::1]:8765",
                    "[0:0:0:0:0:0:0:1]:8765"));
    are_hosts("127.0.0.1:8765", false,
              HOSTS("", ":8765", "127.0.0.1", "127.0.0.1:8766", "evil.example:8765", "evil.example",
                    "localhost.evil.example:8765", "localhost:8765.evil.example",
                    "localhost:8765@x", "192.0.2.1:8765", "builder:8765", "[::1:8765", "[::1]8765",
                    "127.0.0.1:08765000", "127.0.0.1:8765:8765", "localhost.:8765", "127.1:8765",
                    "2130706433:8765"));
    are_hosts("127.0.0.1:80", true, HOSTS("127.0.0.1", "localhost", "localhost:80"));
    are_hosts("0.0.0.0:8765", true, HOSTS("192.0.2.1:8765", "localhost:8765", "builder:8765"));
    are_hosts("0.0.0.0:8765", false, HOSTS("evil.example:8765", "192.0.2.1"));
    are_hosts("192.0.2.1:8765", true, HOSTS("192.0.2.1:8765", "builder:8765"));
    are_hosts("192.0.2.1:8765", false, HOSTS("192.0.2.2:8765", "localhost:8765", "evil:8765"));
    struct pyro_http_address address;
    const struct pyro_http_guard guard = {&address, "builder", NULL};
    pyro_http_address_parse(&address, "127.0.0.1:8765", NULL);
    ok(!pyro_http_guard_host(&guard, NULL), "no host");
    ok(pyro_http_guard_origin(&guard, NULL), "no origin");
    ok(!pyro_http_guard_origin(&guard, "null"), "origin null");
    ok(!pyro_http_guard_origin(&guard, "https://127.0.0.1:8765"), "another scheme");
    ok(!pyro_http_guard_origin(&guard, "http://127.0.0.1:8765/"), "more than an origin");
    pyro_http_address_parse(&address, "unix:/run/x", NULL);
    ok(pyro_http_guard_host(&guard, "whatever"), "any host on a socket in the file system");
    ok(!pyro_http_guard_origin(&guard, "http://localhost"), "but no page of a browser");
}

/* ---- header fields ---- */

static void accepts(const char *accept, bool json, bool stream)
{
    struct pyro_http_headers headers = {.accept = accept};
    is_int(pyro_http_headers_accept(&headers, "application/json"), json, "JSON");
    is_int(pyro_http_headers_accept(&headers, "text/event-stream"), stream,
           accept ? accept : "(nothing)");
}

static void test_types(void)
{
    accepts(NULL, true, true);
    accepts("*/*", true, true);
    accepts("application/json, text/event-stream", true, true);
    accepts("Application/JSON;q=0.5 , text/event-stream ;x=y", true, true);
    accepts("text/*", false, true);
    accepts("application/json", true, false);
    accepts("text/html,application/jsonx, application/*x", false, false);
    accepts("", false, false);
    accepts(",;,", false, false);
    const struct {
        const char *type;
        bool is_json;
    } types[] = {{"application/json", true},   {"application/json; charset=utf-8", true},
                 {"APPLICATION/JSON", true},   {NULL, false},
                 {"text/plain", false},        {"application/json-patch", false},
                 {"x application/json", false}};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const struct pyro_http_headers headers = {.content_type = types[i].type};
        is_int(pyro_http_headers_is_json(&headers), types[i].is_json,
               types[i].type ? types[i].type : "(none)");
    }
}

#define MODERN "\"_meta\":{\"" PYRO_MCP_META_VERSION "\":\"2026-07-28\"}"

/* The field that differs, "" for none, "legacy" for a message of the earlier era. */
static const char *differs(const char *method, const char *params, const char *version,
                           const char *header_method, const char *name)
{
    char text[512];
    struct pyro_mcp_message message;
    struct pyro_http_headers headers = {0};
    snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}",
             method, params);
    pyro_mcp_message_parse(text, strlen(text), &message);
    if (version)
        pyro_http_headers_add(&headers, "mcp-protocol-VERSION", version);
    if (header_method)
        pyro_http_headers_add(&headers, "mcp-method", header_method);
    if (name)
        pyro_http_headers_add(&headers, "MCP-NAME", name);
    const char *field = pyro_http_headers_differ(&headers, &message);
    if (pyro_http_headers_era(&headers, &message) == PYRO_MCP_LEGACY)
        field = "legacy";
    pyro_mcp_message_finish(&message);
    return field ? field : "";
}

static void test_fields(void)
{
    const char *version = "2026-07-28", *call = MODERN ",\"name\":\"vm_run\"";
    is_text(differs("ping", "", NULL, NULL, NULL), "legacy", "no header");
    is_text(differs("ping", "", "2025-06-18", NULL, NULL), "legacy", "a header of the era before");
    is_text(differs("ping", "", version, "ping", NULL), "", "only the header is of the later era");
    is_text(differs("ping", "", "rubbish", "ping", NULL), "", "so is one that nobody knows");
    is_text(differs("x", MODERN, NULL, "x", NULL), "MCP-Protocol-Version", "no version");
    is_text(differs("x", MODERN, "2025-11-25", "x", NULL), "MCP-Protocol-Version", "another");
    is_text(differs("x", MODERN, version, "x", NULL), "", "all is well");
    is_text(differs("x", MODERN, " 2026-07-28\t", "\tx ", NULL), "", "white space around");
    is_text(differs("x", MODERN, version, NULL, NULL), "Mcp-Method", "no method");
    is_text(differs("x", MODERN, version, "X", NULL), "Mcp-Method", "case matters in values");
    is_text(differs("tools/call", call, version, "tools/call", NULL), "Mcp-Name", "no name");
    is_text(differs("tools/call", call, version, "tools/call", "vm_exec"), "Mcp-Name", "another");
    is_text(differs("tools/call", call, version, "tools/call", "vm_run"), "", "the name");
    is_text(differs("tools/call", call, version, "tools/call", "=?base64?dm1fcnVu?="), "",
            "the name encoded");
    is_text(differs("tools/call", call, version, "tools/call", "=?base64?dm1fcnV?="), "Mcp-Name",
            "half of it");
    is_text(differs("tools/call", call, version, "tools/call", "=?base64?dm1fcnVuAHg=?="),
            "Mcp-Name", "a NUL behind it");
    is_text(differs("tools/call", call, version, "tools/call", "=?base64?=?="), "Mcp-Name",
            "no base64");
    is_text(differs("tools/call", MODERN, version, "tools/call", NULL), "",
            "no name in the body: for others to refuse");
    is_text(differs("resources/read", MODERN ",\"uri\":\"a:b\"", version, "resources/read", "a:b"),
            "", "an address");
    struct pyro_http_headers headers = {0};
    pyro_http_headers_add(&headers, "X-Host", "a");
    pyro_http_headers_add(&headers, "Host", "a");
    ok(!headers.is_ambiguous, "one host");
    pyro_http_headers_add(&headers, "HOST", "a");
    ok(headers.is_ambiguous, "two hosts");
}

/* ---- the token ---- */

static char *load(const char *path, bool *made)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    char *token = pyro_http_token_load(path, made, &error);
    if (!token)
        ok(error.message[0] && strcmp(error.field, "token_file") == 0, "# %s", error.message);
    return token;
}

static void is_file_refused(const char *path, const char *text, size_t size, mode_t mode,
                            const char *name)
{
    bool made;
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ok(write(fd, text, size) == (ssize_t)size && fchmod(fd, mode) == 0, "# written");
    close(fd);
    cleanup_free char *token = load(path, &made);
    ok(!token && !made, "%s", name);
}

static void test_token_file(void)
{
    char directory[] = "/tmp/pyro-token-XXXXXX", long_text[600];
    bool made;
    struct stat found;
    ok(mkdtemp(directory) != NULL, "# a directory");
    cleanup_free char *path = pyro_text_format("%s/token", directory);
    cleanup_free char *token = load(path, &made);
    ok(token && strlen(token) == 64 && made, "a token is made");
    ok(stat(path, &found) == 0 && (found.st_mode & 07777) == 0600, "for its owner alone");
    cleanup_free char *again = load(path, &made);
    ok(!made, "and is there the next time");
    is_text(again, token, "the same");
    memset(long_text, 'a', sizeof(long_text));
    is_file_refused(path, long_text, 40, 0640, "a file of the group");
    is_file_refused(path, long_text, 40, 0604, "a file of everybody");
    is_file_refused(path, "", 0, 0600, "an empty file");
    is_file_refused(path, long_text, 15, 0600, "a short token");
    is_file_refused(path, long_text, 513, 0600, "a long token");
    is_file_refused(path, "aaaaaaaaaaaaaaaaaaaa\0a", 22, 0600, "a NUL");
    is_file_refused(path, "aaaaaaaaaaaaaaaaaaaa a", 22, 0600, "two words");
    is_file_refused(path, "aaaaaaaaaaaaaaaaaaaa\n\n", 22, 0600, "two lines");
    unlink(path);
    cleanup_free char *none = load(directory, &made);
    ok(!none, "a directory");
    rmdir(directory);
    cleanup_free char *nowhere = load(path, &made);
    ok(!nowhere, "a file in no directory");
}

static void test_token_match(void)
{
    const char *token = "0123456789abcdef";
    ok(pyro_http_token_matches(token, "Bearer 0123456789abcdef"), "the token");
    ok(pyro_http_token_matches(token, "bearer  0123456789abcdef"), "the scheme in any case");
    ok(!pyro_http_token_matches(token, NULL), "no field");
    const char *const wrong[] = {"",        "0123456789abcdef",         "Basic 0123456789abcdef",
                                 "Bearer",  "Bearer 0123456789abcdeF",  "Bearer 0123456789abcde",
                                 "Bearer ", "Bearer 0123456789abcdef0", "Bearer0123456789abcdef"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        ok(!pyro_http_token_matches(token, wrong[i]), "not '%s'", wrong[i]);
}

int main(void)
{
    test_addresses();
    test_hosts();
    test_types();
    test_fields();
    test_token_file();
    test_token_match();
    return tap_done();
}
