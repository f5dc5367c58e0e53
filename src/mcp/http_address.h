/* Where HTTP is listened for: an address and a port, or a socket in the file system. */
#ifndef PYRO_MCP_HTTP_ADDRESS_H
#define PYRO_MCP_HTTP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct pyro_http_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } socket;
    socklen_t size;
    ino_t made; /* the file of a socket that listens there; 0: none */
};

/* Reads "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:PATH". 0, or -1 and an error. */
int pyro_http_address_parse(struct pyro_http_address *address, const char *text,
                            struct pyro_error *error);

/* Makes a socket that listens there; of port 0 the address then has the port that was chosen. A
 * descriptor, or -1 and an error. */
int pyro_http_address_listen(struct pyro_http_address *address, struct pyro_error *error);

/* Removes the socket's file, if it is still the one that was made. */
void pyro_http_address_remove(struct pyro_http_address *address);

bool pyro_http_address_is_unix(const struct pyro_http_address *address);
/* Whether other hosts cannot reach it. */
bool pyro_http_address_is_local(const struct pyro_http_address *address);
/* Whether it stands for every address of this host. */
bool pyro_http_address_is_any(const struct pyro_http_address *address);
/* 0 of a socket in the file system. */
unsigned pyro_http_address_port(const struct pyro_http_address *address);
/* The address in its usual form without the port, or the path. */
void pyro_http_address_name(const struct pyro_http_address *address, char *name, size_t size);
/* "http://127.0.0.1:8765/mcp" or "unix:/run/pyro.sock". To be freed, NULL when out of memory. */
char *pyro_http_address_show(const struct pyro_http_address *address);

#endif
