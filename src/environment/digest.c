#include "environment/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"

enum { CHUNK = 1 << 20 };

static int digest_all(EVP_MD_CTX *context, int fd, unsigned char *ret_digest)
{
    cleanup_free unsigned char *chunk = malloc(CHUNK);
    if (!chunk || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
        return -ENOMEM;
    off_t offset = 0;
    for (;;) {
        ssize_t got = pread(fd, chunk, CHUNK, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        offset += got;
        if (!EVP_DigestUpdate(context, chunk, (size_t)got))
            return -EIO;
    }
    return EVP_DigestFinal_ex(context, ret_digest, NULL) ? 0 : -EIO;
}

int pyro_digest_fd(int fd, char ret_hex[PYRO_DIGEST_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    int r = digest_all(context, fd, digest);
    EVP_MD_CTX_free(context);
    for (size_t i = 0; r == 0 && i < PYRO_DIGEST_SIZE / 2; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    return r;
}
