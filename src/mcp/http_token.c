#include "mcp/http_token.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base16.h>
#include <nettle/memops.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"

enum {
    MADE_SIZE = 32, /* bytes, before they become digits */
    LEAST = 16,
    MOST = 512,
    RANDOM_MOST = 64,
};

/* What a token may be made of (RFC 6750). */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

char *pyro_http_token_random(size_t size)
{
    uint8_t bytes[RANDOM_MOST];
    char *text = calloc(1, BASE16_ENCODE_LENGTH(size) + 1);
    if (!text || size > sizeof(bytes) || getrandom(bytes, size, 0) != (ssize_t)size) {
        free(text);
        return NULL;
    }
    base16_encode_update(text, size, bytes);
    return text;
}

static int refuse(const char *path, const char *why, const char *hint, struct pyro_error *error)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "cannot use the token file %s: %s", path,
                   why);
    pyro_error_hint(error, "%s", hint);
    return pyro_error_field(error, "token_file");
}

static int refuse_errno(const char *path, int errnum, struct pyro_error *error)
{
    pyro_error_set_errno(error, PYRO_ERROR_INVALID_PARAMETER, errnum,
                         "cannot use the token file %s", path);
    return pyro_error_field(error, "token_file");
}

static int check_file(int fd, const char *path, struct pyro_error *error)
{
    struct stat found;
    if (fstat(fd, &found) < 0)
        return refuse_errno(path, errno, error);
    if (!S_ISREG(found.st_mode))
        return refuse(path, "it is not a regular file", "name another with --token-file", error);
    if (found.st_uid != geteuid())
        return refuse(path, "it belongs to another user", "name one of your own", error);
    if ((found.st_mode & 077) != 0)
        return refuse(path, "others may read it, so its token may be known to them",
                      "remove it, and a new one is made; or chmod 600 if nobody has looked", error);
    return 0;
}

/* NULL and an error. */
static char *read_token(int fd, const char *path, struct pyro_error *error)
{
    char text[MOST + 2]; /* with a newline */
    ssize_t size = check_file(fd, path, error) < 0 ? -1 : read(fd, text, sizeof(text));
    if (size < 0)
        return NULL;
    size -= size > 0 && text[size - 1] == '\n';
    char *token = strndup(text, (size_t)size);
    if (token && strlen(token) == (size_t)size && size >= LEAST && size <= MOST &&
        strspn(token, LETTERS) == (size_t)size)
        return token;
    free(token);
    refuse(path, "it must hold 16 to 512 letters, digits or characters of -._~+/= and nothing else",
           "remove it, and a new one is made", error);
    return NULL;
}

/* NULL and an error. */
static char *make_token(const char *path, struct pyro_error *error)
{
    cleanup_free char *token = pyro_http_token_random(MADE_SIZE);
    cleanup_free char *line = token ? pyro_text_format("%s\n", token) : NULL;
    if (!line) {
        refuse(path, "this host has no randomness to make a token of", "try again", error);
        return NULL;
    }
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : pyro_fd_write_all(fd, line, strlen(line));
    if (r == 0)
        return steal_pointer(&token);
    if (fd >= 0)
        unlink(path);
    refuse_errno(path, r, error);
    return NULL;
}

char *pyro_http_token_load(const char *path, bool *ret_made, struct pyro_error *error)
{
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *ret_made = fd < 0 && errno == ENOENT;
    if (fd >= 0)
        return read_token(fd, path, error);
    if (*ret_made)
        return make_token(path, error);
    refuse_errno(path, errno, error);
    return NULL;
}

bool pyro_http_token_matches(const char *token, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return false;
    const char *sent = authorization + strlen(scheme);
    sent += strspn(sent, " ");
    size_t length = strlen(token);
    return strlen(sent) == length && memeql_sec(sent, token, length);
}
