#include <string.h>

#include "tap.h"
#include "wire/endpoint.h"

static void is_endpoint(const char *text, const char *port, const char *host, const char *wanted)
{
    struct pyro_endpoint endpoint = {"", ""};
    is_int(pyro_endpoint_parse(text, strlen(text), port, &endpoint), 1, text);
    is_text(endpoint.host, host, "its host");
    is_text(endpoint.port, wanted, "its port");
}

static void test_endpoints(void)
{
    struct pyro_endpoint endpoint;
    char longest[300];
    is_endpoint("127.0.0.1:8000", NULL, "127.0.0.1", "8000");
    is_endpoint("localhost:1", NULL, "localhost", "1");
    is_endpoint("[::1]:65535", NULL, "::1", "65535");
    is_endpoint("::1:80", NULL, "::1", "80");
    is_endpoint("m\xc3\xbcsli:80", NULL, "m\xc3\xbcsli", "80");
    is_endpoint("host", "80", "host", "80");
    is_endpoint("[fe80::1%eth0]", "80", "fe80::1%eth0", "80");
    static const char *const wrong[] = {
        "",        "host",     ":80",      "host:",  "host:0",    "host:65536", "host:8x",
        "a:+1",    "host: 80", "a b:80",   "[]:80",  "[::1]]:80", "[[::1]:80",  "[x]y]:80",
        "[::1:80", "::1]:80",  "user@a:1", "a/b:80", "a:000080",  "\x7f:80",    "a?:80"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ok(!pyro_endpoint_parse(wrong[i], strlen(wrong[i]), NULL, &endpoint), "none: number %zu",
           i);
    memset(longest, 'a', sizeof(longest));
    is_int(pyro_endpoint_parse(longest, 255, "80", &endpoint), 1, "the longest host");
    is_int(pyro_endpoint_parse(longest, 256, "80", &endpoint), 0, "a longer one");
}

static void test_urls(void)
{
    struct pyro_url url;
    is_int(pyro_url_parse("http://a:81/x/y?z=/#f", &url), 1, "a URL");
    is_text(url.endpoint.host, "a", "its host");
    is_text(url.endpoint.port, "81", "its port");
    is_int(strncmp(url.authority, "a:81/", url.authority_size + 1), 0, "its authority");
    is_int(url.path_size == strlen("/x/y?z=/") && !strncmp(url.path, "/x/y?z=/", url.path_size), 1,
           "its path and query, without the fragment");
    is_int(pyro_url_parse("http://[::1]?q", &url), 1, "one without a path");
    is_text(url.endpoint.host, "::1", "an address in brackets");
    is_text(url.endpoint.port, "80", "the port it has then");
    is_int(url.path_size, 2, "only a query");
    static const char *const wrong[] = {"",
                                        "http://",
                                        "https://a/",
                                        "http:///x",
                                        "http://a b",
                                        "http://a/\n",
                                        "http://a:80a/",
                                        "http://u:p@a/",
                                        "http://::1/",
                                        "http://::1:80/",
                                        "a:80",
                                        "HTTP://a/"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ok(!pyro_url_parse(wrong[i], &url), "none: number %zu", i);
}

int main(void)
{
    test_endpoints();
    test_urls();
    return tap_done();
}
