#include "workspace/content.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

void pyro_content_init(struct pyro_content *content, struct pyro_buffer *bytes)
{
    *content = (struct pyro_content){.bytes = bytes};
}

void pyro_content_begin(struct pyro_content *content, uint64_t size)
{
    content->size = size;
    content->at = 0;
    content->start = content->bytes->size;
    content->is_kept = size <= PYRO_TEXT_SIZE_MAX && size <= pyro_buffer_room(content->bytes);
    sha256_init(&content->digest);
}

static int take(struct pyro_content *content, const uint8_t *bytes, size_t size)
{
    sha256_update(&content->digest, size, bytes);
    content->at += size;
    return content->is_kept ? pyro_buffer_append(content->bytes, bytes, size) : 0;
}

static int take_zeros(struct pyro_content *content, uint64_t end)
{
    static const uint8_t zeros[64 * 1024];
    int r = 0;
    while (r == 0 && content->at < end)
        r = take(content, zeros, (size_t)MIN(end - content->at, (uint64_t)sizeof(zeros)));
    return r;
}

int pyro_content_add(struct pyro_content *content, const struct pyro_tree_data *data)
{
    if (data->offset < content->at || data->offset > content->size ||
        data->size > content->size - data->offset)
        return -EPROTO;
    int r = take_zeros(content, data->offset);
    return r < 0 ? r : take(content, data->bytes, data->size);
}

int pyro_content_end(struct pyro_content *content, uint8_t ret_sha256[PYRO_SHA256_SIZE])
{
    int r = take_zeros(content, content->size);
    if (r < 0)
        return r;
    sha256_digest(&content->digest, PYRO_SHA256_SIZE, ret_sha256);
    return 0;
}

bool pyro_content_is_text(const struct pyro_content *content)
{
    size_t look = (size_t)MIN(content->size, (uint64_t)PYRO_TEXT_LOOK_BYTES);
    if (!content->is_kept || look == 0)
        return content->is_kept;
    return !memchr(pyro_buffer_data(content->bytes) + content->start, 0, look);
}

void pyro_content_drop(struct pyro_content *content)
{
    content->bytes->size = content->start;
    content->is_kept = false;
}

void pyro_sha256(const void *bytes, size_t size, uint8_t ret_sha256[PYRO_SHA256_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, PYRO_SHA256_SIZE, ret_sha256);
}
