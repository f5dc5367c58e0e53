#include "wire/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/frame.h"
#include "wire/pack.h"

/* A frame under construction, in the buffer that it is sent from: the header's place is left free
 * and written last, when the length is known. Meanwhile the buffer's cap is where the largest frame
 * would end. */
struct draft {
    struct pyro_pack pack;
    size_t start, cap;
};

static struct pyro_pack *draft_start(struct draft *draft, struct pyro_buffer *out)
{
    static const uint8_t header[PYRO_FRAME_HEADER_SIZE];
    *draft = (struct draft){.pack = {.out = out}, .start = out->size, .cap = out->cap};
    out->cap = MIN(out->cap, out->size + PYRO_FRAME_SIZE_MAX);
    pyro_pack_raw(&draft->pack, header, sizeof(header));
    return &draft->pack;
}

static void draft_drop(struct draft *draft)
{
    draft->pack.out->cap = draft->cap;
    draft->pack.out->size = draft->start;
}

static int draft_send(struct draft *draft, enum pyro_frame_type type, enum pyro_channel channel,
                      uint32_t stream)
{
    struct pyro_buffer *out = draft->pack.out;
    bool has_room = out->cap < draft->cap;
    if (draft->pack.failed) {
        draft_drop(draft);
        return has_room ? -EMSGSIZE : -EOVERFLOW;
    }
    out->cap = draft->cap;
    pyro_frame_header(pyro_buffer_data(out) + draft->start, type, channel, stream,
                      (uint32_t)(out->size - draft->start - PYRO_FRAME_HEADER_SIZE));
    return 0;
}

static int finish(const struct pyro_unpack *in)
{
    return pyro_unpack_done(in) ? 0 : -EPROTO;
}

int pyro_ready_pack(struct pyro_buffer *out, const struct pyro_ready *ready)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u32(pack, ready->agent_version);
    pyro_pack_u64(pack, ready->init_us);
    pyro_pack_u64(pack, ready->ready_us);
    pyro_pack_text(pack, ready->kernel_release);
    return draft_send(&draft, PYRO_FRAME_READY, PYRO_CHANNEL_NONE, 0);
}

int pyro_ready_unpack(const uint8_t *payload, size_t size, struct pyro_ready *ret_ready)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    ret_ready->agent_version = pyro_unpack_u32(&in);
    ret_ready->init_us = pyro_unpack_u64(&in);
    ret_ready->ready_us = pyro_unpack_u64(&in);
    pyro_unpack_text(&in, ret_ready->kernel_release, sizeof(ret_ready->kernel_release));
    return finish(&in);
}

int pyro_setup_pack(struct pyro_buffer *out, const struct pyro_setup *setup)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u64(pack, setup->realtime_ns);
    pyro_pack_raw(pack, setup->entropy, sizeof(setup->entropy));
    pyro_pack_text(pack, setup->hostname);
    pyro_pack_text(pack, setup->machine_id);
    pyro_pack_u8(pack, (uint8_t)(setup->has_network | setup->durable << 1));
    pyro_pack_raw(pack, setup->mac, sizeof(setup->mac));
    pyro_pack_u32(pack, setup->address);
    pyro_pack_u32(pack, setup->gateway);
    pyro_pack_u32(pack, setup->dns);
    pyro_pack_u8(pack, setup->prefix_length);
    return draft_send(&draft, PYRO_FRAME_SETUP, PYRO_CHANNEL_NONE, 0);
}

int pyro_setup_unpack(const uint8_t *payload, size_t size, struct pyro_setup *ret_setup)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    *ret_setup = (struct pyro_setup){0};
    ret_setup->realtime_ns = pyro_unpack_u64(&in);
    const uint8_t *entropy = pyro_unpack_raw(&in, PYRO_ENTROPY_SIZE);
    if (entropy)
        memcpy(ret_setup->entropy, entropy, PYRO_ENTROPY_SIZE);
    pyro_unpack_text(&in, ret_setup->hostname, sizeof(ret_setup->hostname));
    pyro_unpack_text(&in, ret_setup->machine_id, sizeof(ret_setup->machine_id));
    uint8_t flags = pyro_unpack_u8(&in);
    ret_setup->has_network = flags & 1;
    ret_setup->durable = flags & 2;
    const uint8_t *mac = pyro_unpack_raw(&in, PYRO_MAC_SIZE);
    if (mac)
        memcpy(ret_setup->mac, mac, PYRO_MAC_SIZE);
    ret_setup->address = pyro_unpack_u32(&in);
    ret_setup->gateway = pyro_unpack_u32(&in);
    ret_setup->dns = pyro_unpack_u32(&in);
    ret_setup->prefix_length = pyro_unpack_u8(&in);
    if (ret_setup->prefix_length > 32)
        in.failed = true;
    return finish(&in);
}

int pyro_setup_done_pack(struct pyro_buffer *out, const struct pyro_setup_done *done)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u32(pack, done->error);
    pyro_pack_text(pack, done->step);
    return draft_send(&draft, PYRO_FRAME_SETUP_DONE, PYRO_CHANNEL_NONE, 0);
}

int pyro_setup_done_unpack(const uint8_t *payload, size_t size, struct pyro_setup_done *ret_done)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    ret_done->error = pyro_unpack_u32(&in);
    pyro_unpack_text(&in, ret_done->step, sizeof(ret_done->step));
    return finish(&in);
}

int pyro_clock_pack(struct pyro_buffer *out, const struct pyro_clock *clock)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u64(pack, clock->realtime_ns);
    pyro_pack_u8(pack, clock->mode);
    return draft_send(&draft, PYRO_FRAME_CLOCK, PYRO_CHANNEL_NONE, 0);
}

int pyro_clock_unpack(const uint8_t *payload, size_t size, struct pyro_clock *ret_clock)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    ret_clock->realtime_ns = pyro_unpack_u64(&in);
    ret_clock->mode = pyro_unpack_u8(&in);
    return ret_clock->mode <= PYRO_CLOCK_STEP ? finish(&in) : -EPROTO;
}

static int pack_vector(struct pyro_pack *pack, char *const *words, size_t most)
{
    size_t count = 0;
    while (words && words[count])
        count++;
    if (count > most)
        return -E2BIG;
    pyro_pack_u32(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        pyro_pack_text(pack, words[i]);
    return 0;
}

static bool size_is_good(const struct pyro_terminal_size *size)
{
    return size->columns > 0 && size->columns <= PYRO_TERMINAL_SIZE_MAX && size->rows > 0 &&
           size->rows <= PYRO_TERMINAL_SIZE_MAX;
}

static void pack_size(struct pyro_pack *pack, const struct pyro_terminal_size *size)
{
    pyro_pack_u32(pack, size->columns);
    pyro_pack_u32(pack, size->rows);
}

static void unpack_size(struct pyro_unpack *in, struct pyro_terminal_size *size)
{
    size->columns = pyro_unpack_u32(in);
    size->rows = pyro_unpack_u32(in);
    if (!size_is_good(size))
        in->failed = true;
}

int pyro_exec_pack(struct pyro_buffer *out, uint32_t stream, const struct pyro_exec *exec)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u32(pack, exec->flags);
    pyro_pack_u32(pack, exec->timeout_ms);
    int r = pack_vector(pack, exec->arguments, PYRO_EXEC_ARGUMENTS_MAX);
    if (r == 0)
        r = pack_vector(pack, exec->environment, PYRO_EXEC_ENVIRONMENT_MAX);
    if (r < 0) {
        draft_drop(&draft);
        return r;
    }
    pyro_pack_text(pack, exec->directory);
    if (exec->flags & PYRO_EXEC_TERMINAL)
        pack_size(pack, &exec->terminal);
    return draft_send(&draft, PYRO_FRAME_EXEC, PYRO_CHANNEL_NONE, stream);
}

/* Copies one string to `*at` and moves on; the caller made `storage` as large as the payload. */
static char *take_text(struct pyro_unpack *in, char **at)
{
    uint32_t size;
    const uint8_t *bytes = pyro_unpack_bytes(in, PYRO_FRAME_PAYLOAD_MAX, &size);
    if (!bytes || memchr(bytes, 0, size)) {
        in->failed = true;
        return NULL;
    }
    char *text = *at;
    memcpy(text, bytes, size);
    text[size] = '\0';
    *at += size + 1;
    return text;
}

static int take_vector(struct pyro_unpack *in, size_t most, char **at, char ***ret_words)
{
    uint32_t count = pyro_unpack_u32(in);
    /* Each word takes at least its length field, so a lying count is refused before allocation. */
    if (in->failed || count > most || count > (size_t)(in->end - in->at) / 4)
        return -EPROTO;
    char **words = calloc(count + 1, sizeof(*words));
    if (!words)
        return -ENOMEM;
    *ret_words = words;
    for (uint32_t i = 0; i < count && !in->failed; i++)
        words[i] = take_text(in, at);
    return in->failed ? -EPROTO : 0;
}

int pyro_exec_unpack(const uint8_t *payload, size_t size, struct pyro_exec *ret_exec)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    struct pyro_exec exec = {.flags = pyro_unpack_u32(&in)};
    exec.timeout_ms = pyro_unpack_u32(&in);
    exec.storage = malloc(size + 1);
    char *at = exec.storage;
    int r = exec.storage ? 0 : -ENOMEM;
    if (r == 0)
        r = take_vector(&in, PYRO_EXEC_ARGUMENTS_MAX, &at, &exec.arguments);
    if (r == 0)
        r = take_vector(&in, PYRO_EXEC_ENVIRONMENT_MAX, &at, &exec.environment);
    if (r == 0)
        exec.directory = take_text(&in, &at);
    if (r == 0 && exec.flags & PYRO_EXEC_TERMINAL)
        unpack_size(&in, &exec.terminal);
    if (r == 0 && (!pyro_unpack_done(&in) || !exec.arguments[0] || exec.flags & ~PYRO_EXEC_FLAGS))
        r = -EPROTO;
    if (r < 0) {
        pyro_exec_finish(&exec);
        return r;
    }
    *ret_exec = exec;
    return 0;
}

void pyro_exec_finish(struct pyro_exec *exec)
{
    free(exec->arguments);
    free(exec->environment);
    free(exec->storage);
    *exec = (struct pyro_exec){0};
}

static int pack_u32(struct pyro_buffer *out, enum pyro_frame_type type, unsigned channel,
                    uint32_t stream, uint32_t value)
{
    struct draft draft;
    pyro_pack_u32(draft_start(&draft, out), value);
    return draft_send(&draft, type, (enum pyro_channel)channel, stream);
}

int pyro_started_pack(struct pyro_buffer *out, uint32_t stream, uint32_t pid)
{
    return pack_u32(out, PYRO_FRAME_STARTED, PYRO_CHANNEL_NONE, stream, pid);
}

int pyro_credit_pack(struct pyro_buffer *out, uint32_t stream, unsigned channel, uint32_t bytes)
{
    return pack_u32(out, PYRO_FRAME_CREDIT, channel, stream, bytes);
}

int pyro_signal_pack(struct pyro_buffer *out, uint32_t stream, uint32_t signal)
{
    return pack_u32(out, PYRO_FRAME_SIGNAL, PYRO_CHANNEL_NONE, stream, signal);
}

int pyro_resize_pack(struct pyro_buffer *out, uint32_t stream,
                     const struct pyro_terminal_size *size)
{
    struct draft draft;
    if (!size_is_good(size))
        return -EINVAL;
    pack_size(draft_start(&draft, out), size);
    return draft_send(&draft, PYRO_FRAME_RESIZE, PYRO_CHANNEL_NONE, stream);
}

int pyro_resize_unpack(const uint8_t *payload, size_t size, struct pyro_terminal_size *ret_size)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    unpack_size(&in, ret_size);
    return finish(&in);
}

int pyro_recorded_pack(struct pyro_buffer *out, uint32_t stream, uint32_t sequence)
{
    return pack_u32(out, PYRO_FRAME_RECORDED, PYRO_CHANNEL_NONE, stream, sequence);
}

int pyro_claim_pack(struct pyro_buffer *out, uint32_t ttl_seconds)
{
    return pack_u32(out, PYRO_FRAME_CLAIM, PYRO_CHANNEL_NONE, 0, ttl_seconds);
}

int pyro_keep_pack(struct pyro_buffer *out, const char *seed_json)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_text(pack, seed_json);
    return draft_send(&draft, PYRO_FRAME_KEEP, PYRO_CHANNEL_NONE, 0);
}

int pyro_keep_unpack(const uint8_t *payload, size_t size, char *ret_seed_json, size_t capacity)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    pyro_unpack_text(&in, ret_seed_json, capacity);
    return finish(&in);
}

int pyro_u32_unpack(const uint8_t *payload, size_t size, uint32_t *ret_value)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    *ret_value = pyro_unpack_u32(&in);
    return finish(&in);
}

int pyro_exited_pack(struct pyro_buffer *out, uint32_t stream, const struct pyro_exited *exited)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u32(pack, exited->kind | (uint32_t)exited->timed_out << 8);
    pyro_pack_u32(pack, exited->value);
    pyro_pack_u64(pack, exited->duration_us);
    return draft_send(&draft, PYRO_FRAME_EXITED, PYRO_CHANNEL_NONE, stream);
}

int pyro_exited_unpack(const uint8_t *payload, size_t size, struct pyro_exited *ret_exited)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    uint32_t kind = pyro_unpack_u32(&in);
    ret_exited->kind = (uint8_t)kind;
    ret_exited->timed_out = (uint8_t)(kind >> 8);
    ret_exited->value = pyro_unpack_u32(&in);
    ret_exited->duration_us = pyro_unpack_u64(&in);
    if (kind >> 16 || ret_exited->kind > PYRO_EXIT_UNSTARTED || ret_exited->timed_out > 1 ||
        (ret_exited->kind != PYRO_EXIT_UNSTARTED && ret_exited->value > 255))
        in.failed = true;
    return finish(&in);
}

int pyro_exited_status(const struct pyro_exited *exited)
{
    switch (exited->kind) {
    case PYRO_EXIT_CODE:
        return (int)exited->value;
    case PYRO_EXIT_SIGNAL:
        return 128 + (int)(exited->value & 127);
    default:
        return exited->value == ENOENT || exited->value == ENOTDIR ? 127 : 126;
    }
}

int pyro_state_pack(struct pyro_buffer *out, const struct pyro_state *state)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u8(pack, state->phase);
    pyro_pack_text(pack, state->boot_json);
    return draft_send(&draft, PYRO_FRAME_STATE, PYRO_CHANNEL_NONE, 0);
}

int pyro_state_unpack(const uint8_t *payload, size_t size, struct pyro_state *ret_state)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    ret_state->phase = pyro_unpack_u8(&in);
    pyro_unpack_text(&in, ret_state->boot_json, sizeof(ret_state->boot_json));
    return finish(&in);
}

int pyro_failure_pack(struct pyro_buffer *out, const struct pyro_failure *failure)
{
    struct draft draft;
    struct pyro_pack *pack = draft_start(&draft, out);
    pyro_pack_u32(pack, failure->code);
    pyro_pack_text(pack, failure->message);
    pyro_pack_text(pack, failure->hint);
    return draft_send(&draft, PYRO_FRAME_FAILURE, PYRO_CHANNEL_NONE, 0);
}

int pyro_failure_unpack(const uint8_t *payload, size_t size, struct pyro_failure *ret_failure)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    ret_failure->code = pyro_unpack_u32(&in);
    pyro_unpack_text(&in, ret_failure->message, sizeof(ret_failure->message));
    pyro_unpack_text(&in, ret_failure->hint, sizeof(ret_failure->hint));
    return finish(&in);
}

int pyro_stop_pack(struct pyro_buffer *out, enum pyro_stop_kind kind)
{
    uint8_t byte = (uint8_t)kind;
    return pyro_frame_append(out, PYRO_FRAME_STOP, PYRO_CHANNEL_NONE, 0, &byte, 1);
}

int pyro_stop_unpack(const uint8_t *payload, size_t size, enum pyro_stop_kind *ret_kind)
{
    struct pyro_unpack in = pyro_unpack_init(payload, size);
    *ret_kind = (enum pyro_stop_kind)pyro_unpack_u8(&in);
    if (*ret_kind > PYRO_STOP_AT_ONCE)
        in.failed = true;
    return finish(&in);
}
