#include "environment/digest.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"

enum { CHUNK = 1 << 20 };

int pyro_digest_fd(int fd, char ret_hex[PYRO_DIGEST_SIZE])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    cleanup_free uint8_t *chunk = malloc(CHUNK);
    if (!chunk)
        return -ENOMEM;
    sha256_init(&context);
    for (off_t offset = 0;;) {
        ssize_t got = pread(fd, chunk, CHUNK, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        offset += got;
        sha256_update(&context, (size_t)got, chunk);
    }
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
