/* SHA-256 of a file. */
#ifndef PYRO_ENVIRONMENT_DIGEST_H
#define PYRO_ENVIRONMENT_DIGEST_H

enum { PYRO_DIGEST_SIZE = 65 }; /* 64 hexadecimal digits and NUL */

/* 0 or a negative errno. */
int pyro_digest_fd(int fd, char ret_hex[PYRO_DIGEST_SIZE]);

#endif
