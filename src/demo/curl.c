/* libcurl does it, held to what a demo needs: no redirects, no other protocols, no decompression,
 * and a cap on everything that the server sends. */
#include "demo/curl.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

enum {
    CONNECT_SECONDS = 10,
    WAIT_MS = 200,
};

struct exchange {
    const struct pyro_curl_request *request;
    struct pyro_curl_response *response;
    struct pyro_buffer body;
    size_t header_size;
    bool too_large;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
};

/* What is returned is less than what was given: libcurl ends the transfer. */
static size_t take_body(char *bytes, size_t one, size_t count, void *userdata)
{
    struct exchange *exchange = userdata;
    if (pyro_buffer_append(&exchange->body, bytes, count) == 0)
        return one * count;
    exchange->too_large = true;
    return 0;
}

static size_t take_header(char *bytes, size_t one, size_t count, void *userdata)
{
    struct exchange *exchange = userdata;
    (void)bytes;
    exchange->header_size += one * count;
    exchange->too_large = exchange->too_large || exchange->header_size > PYRO_CURL_HEADERS_MAX;
    return exchange->too_large ? 0 : one * count;
}

/* A proxy of the environment has no way to this host's own loopback. */
static bool is_loopback(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool is = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              (strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
               strcmp(host, "[::1]") == 0);
    curl_free(host);
    curl_url_cleanup(parts);
    return is;
}

static void set_options(struct exchange *exchange)
{
    const struct pyro_curl_request *request = exchange->request;
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a slow name server */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)request->timeout_seconds);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "pyro");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->problem);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    if (is_loopback(request->url))
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (!request->json)
        return;
    exchange->headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->json);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->json));
}

/* Runs the transfer. A negative errno, or 0 and what libcurl made of it. */
static int transfer(struct exchange *exchange, CURLcode *ret_code)
{
    const struct pyro_curl_request *request = exchange->request;
    struct curl_waitfd cancel = {.fd = request->cancel_fd, .events = CURL_WAIT_POLLIN};
    int running = 1, ready, left;
    while (true) {
        if (curl_multi_perform(exchange->multi, &running) != CURLM_OK)
            return -EIO;
        if (!running)
            break;
        if (curl_multi_poll(exchange->multi, &cancel, request->cancel_fd >= 0, WAIT_MS, &ready) !=
            CURLM_OK)
            return -EIO;
        if (cancel.revents)
            return -ECANCELED;
        if (ready == 0 && request->waiting)
            request->waiting(request->userdata);
    }
    const CURLMsg *message = curl_multi_info_read(exchange->multi, &left);
    *ret_code = message ? message->data.result : CURLE_FAILED_INIT;
    return 0;
}

static int to_errno(const struct exchange *exchange, CURLcode code)
{
    if (exchange->too_large)
        return -EMSGSIZE;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        /* An answer that is none is also an unsupported protocol: HTTP/0.9. */
        return strstr(exchange->problem, "HTTP/0.9") ? -EPROTO : -EINVAL;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
        return -EPROTO;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return -ENOTCONN;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return -ECONNRESET;
    case CURLE_OPERATION_TIMEDOUT: {
        long connected = 0;
        curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connected);
        return connected ? -ETIMEDOUT : -ENOTCONN;
    }
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static int run(struct exchange *exchange)
{
    struct pyro_curl_response *response = exchange->response;
    CURLcode code = CURLE_OK;
    exchange->easy = curl_easy_init();
    exchange->multi = curl_multi_init();
    if (!exchange->easy || !exchange->multi)
        return -ENOMEM;
    set_options(exchange);
    if (curl_multi_add_handle(exchange->multi, exchange->easy) != CURLM_OK)
        return -ENOMEM;
    int r = transfer(exchange, &code);
    if (r == 0)
        r = to_errno(exchange, code);
    snprintf(response->problem, sizeof(response->problem), "%s",
             *exchange->problem ? exchange->problem : curl_easy_strerror(code));
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response->status);
    if (r == 0 && pyro_buffer_append(&exchange->body, "", 1) < 0)
        r = -ENOMEM;
    curl_multi_remove_handle(exchange->multi, exchange->easy);
    return r;
}

int pyro_curl_exchange(const struct pyro_curl_request *request,
                       struct pyro_curl_response *ret_response)
{
    struct exchange exchange = {.request = request, .response = ret_response};
    *ret_response = (struct pyro_curl_response){0};
    pyro_buffer_init(&exchange.body, PYRO_CURL_BODY_MAX);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -EIO;
    int r = run(&exchange);
    if (r == 0) {
        ret_response->size = exchange.body.size - 1;
        ret_response->body = (char *)steal_pointer(&exchange.body.bytes);
    }
    curl_easy_cleanup(exchange.easy);
    curl_multi_cleanup(exchange.multi);
    curl_slist_free_all(exchange.headers);
    pyro_buffer_finish(&exchange.body);
    return r;
}
