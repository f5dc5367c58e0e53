/* Unpacks a payload by its frame's type and reads all that came out of it. */
#ifndef PYRO_TESTS_FUZZ_UNPACK_H
#define PYRO_TESTS_FUZZ_UNPACK_H

#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"
#include "wire/message.h"

static size_t fuzz_length(char *const *words)
{
    size_t length = 0;
    for (; *words; words++)
        length += strlen(*words);
    return length;
}

/* What was unpacked, packed again, is the payload it came from. */
static void fuzz_unpack_exec(const uint8_t *payload, size_t size)
{
    struct pyro_exec exec;
    if (pyro_exec_unpack(payload, size, &exec) < 0)
        return;
    struct pyro_buffer out;
    pyro_buffer_init(&out, PYRO_FRAME_SIZE_MAX);
    if (!exec.arguments[0] || fuzz_length(exec.arguments) + fuzz_length(exec.environment) > size)
        abort();
    if (pyro_exec_pack(&out, 1, &exec) == 0 &&
        (out.size != PYRO_FRAME_HEADER_SIZE + size ||
         memcmp(pyro_buffer_data(&out) + PYRO_FRAME_HEADER_SIZE, payload, size) != 0))
        abort();
    pyro_buffer_finish(&out);
    pyro_exec_finish(&exec);
}

/* Texts end within their arrays: strlen under the sanitizer would tell. */
static size_t fuzz_unpack_texts(enum pyro_frame_type type, const uint8_t *payload, size_t size)
{
    union {
        struct pyro_ready ready;
        struct pyro_setup setup;
        struct pyro_setup_done done;
        struct pyro_state state;
        struct pyro_failure failure;
    } *value = malloc(sizeof(*value));
    size_t length = 0;
    if (!value)
        return 0;
    if (type == PYRO_FRAME_READY && pyro_ready_unpack(payload, size, &value->ready) == 0)
        length = strlen(value->ready.kernel_release);
    if (type == PYRO_FRAME_SETUP && pyro_setup_unpack(payload, size, &value->setup) == 0)
        length = strlen(value->setup.hostname) + strlen(value->setup.machine_id);
    if (type == PYRO_FRAME_SETUP_DONE && pyro_setup_done_unpack(payload, size, &value->done) == 0)
        length = strlen(value->done.step);
    if (type == PYRO_FRAME_STATE && pyro_state_unpack(payload, size, &value->state) == 0)
        length = strlen(value->state.boot_json);
    if (type == PYRO_FRAME_FAILURE && pyro_failure_unpack(payload, size, &value->failure) == 0)
        length = strlen(value->failure.message) + strlen(value->failure.hint);
    free(value);
    return length;
}

static void fuzz_unpack(enum pyro_frame_type type, const uint8_t *payload, size_t size)
{
    uint32_t number;
    struct pyro_exited exited;
    struct pyro_clock clock;
    enum pyro_stop_kind kind;
    if (fuzz_unpack_texts(type, payload, size) > size)
        abort();
    if (type == PYRO_FRAME_EXEC)
        fuzz_unpack_exec(payload, size);
    if (type == PYRO_FRAME_CREDIT || type == PYRO_FRAME_STARTED)
        pyro_u32_unpack(payload, size, &number);
    if (type == PYRO_FRAME_CLOCK && pyro_clock_unpack(payload, size, &clock) == 0 &&
        clock.mode > PYRO_CLOCK_STEP)
        abort();
    if (type == PYRO_FRAME_STOP)
        pyro_stop_unpack(payload, size, &kind);
    if (type == PYRO_FRAME_EXITED && pyro_exited_unpack(payload, size, &exited) == 0 &&
        pyro_exited_status(&exited) > 255)
        abort();
}

#endif
