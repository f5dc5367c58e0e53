/* Looks at a service by the network, within a time limit. Each returns 0 when it is ready, else -1
 * with what it saw in `ret_answer`. */
#ifndef PYRO_GUEST_PROBE_NET_H
#define PYRO_GUEST_PROBE_NET_H

#include <stdint.h>

enum { PYRO_PROBE_ANSWER_SIZE = 512 };

/* "HOST:PORT", "[ADDRESS]:PORT": somebody accepts a connection. */
int pyro_probe_tcp(const char *address, uint64_t deadline_ms,
                   char ret_answer[PYRO_PROBE_ANSWER_SIZE]);
/* "http://HOST[:PORT][/PATH]": the status is 2xx or 3xx. */
int pyro_probe_http(const char *text, uint64_t deadline_ms,
                    char ret_answer[PYRO_PROBE_ANSWER_SIZE]);

#endif
