/* One exchange over HTTP with a server that nobody vouches for. What does it is a module of its own
 * (http.c): its library takes longer to load than a guest takes to start. */
#ifndef PYRO_DEMO_CURL_H
#define PYRO_DEMO_CURL_H

#include <stddef.h>

#include "base/home.h"

enum {
    PYRO_CURL_BODY_MAX = 4 * 1024 * 1024,
    PYRO_CURL_HEADERS_MAX = 64 * 1024,
};

struct pyro_curl_request {
    const char *url;
    const char *json; /* to be posted; NULL: get */
    unsigned timeout_seconds;
    int cancel_fd;                   /* readable means: stop; -1: none */
    void (*waiting)(void *userdata); /* several times a second while nothing comes */
    void *userdata;
};

struct pyro_curl_response {
    long status;
    char *body; /* to be freed; ends with a NUL that `size` does not count */
    size_t size;
    char problem[256]; /* of an exchange that failed, in words */
};

/* 0 and a response of any status, or a negative errno: -EINVAL (the URL), -ENOTCONN (nobody is
 * there), -ECONNRESET (it ended in the middle), -EPROTO (that is no HTTP), -EMSGSIZE, -ETIMEDOUT,
 * -ECANCELED, -ENOMEM, -EIO (anything else). */
typedef int pyro_curl_function(const struct pyro_curl_request *request,
                               struct pyro_curl_response *ret_response);

/* The one thing that the module shows; the name is looked up. */
#define PYRO_CURL_SYMBOL "pyro_curl_exchange"

__attribute__((visibility("default"))) pyro_curl_function pyro_curl_exchange;

/* curl_module.c: loads the module. NULL and an error. */
pyro_curl_function *pyro_curl_load(const struct pyro_home *home, struct pyro_error *error);

#endif
