/* Payloads: what is packed comes back, and nothing that was cut, stretched or lies is taken. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "tap.h"
#include "wire/frame.h"
#include "wire/message.h"

typedef int unpack_function(const uint8_t *payload, size_t size);

#define UNPACK(name, type)                                                                         \
    static int unpack_##name(const uint8_t *payload, size_t size)                                  \
    {                                                                                              \
        type value;                                                                                \
        return pyro_##name##_unpack(payload, size, &value);                                        \
    }

UNPACK(ready, struct pyro_ready)
UNPACK(setup, struct pyro_setup)
UNPACK(setup_done, struct pyro_setup_done)
UNPACK(clock, struct pyro_clock)
UNPACK(u32, uint32_t)
UNPACK(exited, struct pyro_exited)
UNPACK(state, struct pyro_state)
UNPACK(failure, struct pyro_failure)
UNPACK(stop, enum pyro_stop_kind)

static int unpack_exec(const uint8_t *payload, size_t size)
{
    struct pyro_exec exec;
    int r = pyro_exec_unpack(payload, size, &exec);
    if (r == 0)
        pyro_exec_finish(&exec);
    return r;
}

static struct pyro_buffer out;

/* The frame just packed; it must be one that `sender` may send. */
static struct pyro_frame packed(int r, enum pyro_frame_sender sender, enum pyro_frame_type type)
{
    struct pyro_frame frame = {0};
    ok(r == 0 && pyro_frame_decode(pyro_buffer_data(&out), out.size, sender, &frame) == 1 &&
           frame.type == type && pyro_frame_size(&frame) == out.size,
       "%s is packed as one frame", pyro_frame_name(type));
    return frame;
}

/* Cuts the payload at every byte, in an exact allocation; adds one byte; then forgets the frame. */
static void cut_and_stretch(const struct pyro_frame *frame, unpack_function *unpack)
{
    int refused = 1;
    for (size_t size = 0; size <= frame->length + 1; size++) {
        uint8_t *copy = calloc(1, size + 1);
        uint8_t *exact = copy ? realloc(copy, size ? size : 1) : NULL;
        if (!exact)
            abort();
        memcpy(exact, frame->payload, MIN(size, frame->length));
        refused = refused && unpack(exact, size) == (size == frame->length ? 0 : -EPROTO);
        free(exact);
    }
    ok(refused, "%s is refused when cut or stretched", pyro_frame_name(frame->type));
    pyro_buffer_consume(&out, out.size);
}

static void test_ready(void)
{
    struct pyro_ready got,
        ready = {.agent_version = 7, .init_us = 1ull << 40, .ready_us = UINT64_MAX};
    strcpy(ready.kernel_release, "6.1.0-amd64");
    struct pyro_frame frame =
        packed(pyro_ready_pack(&out, &ready), PYRO_FROM_GUEST, PYRO_FRAME_READY);
    is_int(pyro_ready_unpack(frame.payload, frame.length, &got), 0, "READY");
    ok(got.agent_version == 7 && got.init_us == 1ull << 40 && got.ready_us == UINT64_MAX,
       "numbers");
    is_text(got.kernel_release, "6.1.0-amd64", "text");
    cut_and_stretch(&frame, unpack_ready);
}

static void test_setup(void)
{
    struct pyro_setup got, setup = {.realtime_ns = 12345678901234567,
                                    .has_network = true,
                                    .mac = {2, 3, 4, 5, 6, 255},
                                    .address = 0x0a00020f,
                                    .gateway = 0x0a000202,
                                    .dns = 0x0a000203,
                                    .prefix_length = 24};
    memset(setup.entropy, 0xe5, sizeof(setup.entropy));
    memset(setup.hostname, 'h', sizeof(setup.hostname) - 1);
    memset(setup.machine_id, 'a', sizeof(setup.machine_id) - 1);
    struct pyro_frame frame =
        packed(pyro_setup_pack(&out, &setup), PYRO_TO_GUEST, PYRO_FRAME_SETUP);
    is_int(pyro_setup_unpack(frame.payload, frame.length, &got), 0, "SETUP");
    ok(got.realtime_ns == setup.realtime_ns && got.has_network && got.address == setup.address &&
           got.gateway == setup.gateway && got.dns == setup.dns && got.prefix_length == 24 &&
           memcmp(got.mac, setup.mac, 6) == 0 && memcmp(got.entropy, setup.entropy, 64) == 0,
       "all of it");
    is_text(got.hostname, setup.hostname, "the longest host name");
    is_text(got.machine_id, setup.machine_id, "the machine id");
    cut_and_stretch(&frame, unpack_setup);

    setup.prefix_length = 33;
    frame = packed(pyro_setup_pack(&out, &setup), PYRO_TO_GUEST, PYRO_FRAME_SETUP);
    is_int(unpack_setup(frame.payload, frame.length), -EPROTO, "a prefix of 33 bits");
    pyro_buffer_consume(&out, out.size);
}

static void test_setup_done(void)
{
    struct pyro_setup_done got, done = {.error = EIO, .step = "network"};
    struct pyro_frame frame =
        packed(pyro_setup_done_pack(&out, &done), PYRO_FROM_GUEST, PYRO_FRAME_SETUP_DONE);
    is_int(pyro_setup_done_unpack(frame.payload, frame.length, &got), 0, "SETUP_DONE");
    ok(got.error == EIO && strcmp(got.step, "network") == 0, "error and step");
    cut_and_stretch(&frame, unpack_setup_done);
}

static void test_clock(void)
{
    struct pyro_clock got, clock = {.realtime_ns = 1ull << 60, .mode = PYRO_CLOCK_STEP};
    struct pyro_frame frame =
        packed(pyro_clock_pack(&out, &clock), PYRO_TO_GUEST, PYRO_FRAME_CLOCK);
    is_int(pyro_clock_unpack(frame.payload, frame.length, &got), 0, "CLOCK");
    ok(got.realtime_ns == 1ull << 60 && got.mode == PYRO_CLOCK_STEP, "time and mode");
    cut_and_stretch(&frame, unpack_clock);
    clock.mode = PYRO_CLOCK_STEP + 1;
    frame = packed(pyro_clock_pack(&out, &clock), PYRO_TO_GUEST, PYRO_FRAME_CLOCK);
    is_int(unpack_clock(frame.payload, frame.length), -EPROTO, "an unknown mode");
    pyro_buffer_consume(&out, out.size);
}

/* A frame is packed in the buffer that it is sent from: one that fails leaves no part behind, and
 * what was there before stays. */
static void test_packing_behind_others(void)
{
    static char text[PYRO_FRAME_PAYLOAD_MAX];
    char *arguments[] = {text, NULL};
    struct pyro_exec exec = {.arguments = arguments, .directory = ""};
    struct pyro_setup_done done = {.step = "clock"};
    struct pyro_buffer small;
    memset(text, 'x', sizeof(text) - 1);
    pyro_buffer_init(&small, PYRO_FRAME_SIZE_MAX);
    is_int(pyro_setup_done_pack(&small, &done), 0, "the first frame");
    size_t size = small.size;
    is_int(pyro_exec_pack(&small, 1, &exec), -EOVERFLOW, "a frame for which there is no room");
    is_int(small.size, (long)size, "leaves nothing behind");
    is_int(pyro_setup_done_pack(&small, &done), 0, "a frame that fits");
    is_int(small.size, (long)(2 * size), "follows the first");
    ok(memcmp(pyro_buffer_data(&small), pyro_buffer_data(&small) + size, size) == 0, "unharmed");
    pyro_buffer_finish(&small);
}

static void test_text_limits(void)
{
    struct pyro_setup_done got;
    uint8_t payload[8 + 65] = {1, 0, 0, 0, 65};
    memset(payload + 8, 'x', 65);
    is_int(pyro_setup_done_unpack(payload, sizeof(payload), &got), -EPROTO, "a text too long");
    payload[4] = 64;
    is_int(pyro_setup_done_unpack(payload, sizeof(payload) - 1, &got), 0, "the longest text");
    payload[20] = '\0';
    is_int(pyro_setup_done_unpack(payload, sizeof(payload) - 1, &got), -EPROTO, "a NUL inside");
    memset(payload + 4, 0xff, 4);
    is_int(pyro_setup_done_unpack(payload, sizeof(payload), &got), -EPROTO, "a length of 4 GiB");
}

static void test_exec(void)
{
    char *arguments[] = {"printf", "", "a b", "\xff\n", NULL};
    char *environment[] = {"A=1", "B=", NULL};
    struct pyro_exec got, exec = {.flags = PYRO_EXEC_STDIN,
                                  .timeout_ms = 30000,
                                  .arguments = arguments,
                                  .environment = environment,
                                  .directory = "/workspace"};
    struct pyro_frame frame =
        packed(pyro_exec_pack(&out, 9, &exec), PYRO_FROM_CLIENT, PYRO_FRAME_EXEC);
    is_int(frame.stream, 9, "the stream");
    is_int(pyro_exec_unpack(frame.payload, frame.length, &got), 0, "EXEC");
    int same = got.flags == PYRO_EXEC_STDIN && got.timeout_ms == 30000;
    for (size_t i = 0; i < ARRAY_SIZE(arguments) - 1; i++)
        same = same && strcmp(got.arguments[i], arguments[i]) == 0;
    same =
        same && !got.arguments[4] && strcmp(got.environment[1], "B=") == 0 && !got.environment[2];
    ok(same, "words and environment");
    is_text(got.directory, "/workspace", "directory");
    pyro_exec_finish(&got);
    cut_and_stretch(&frame, unpack_exec);
}

static void test_terminal(void)
{
    char *arguments[] = {"sh", NULL}, *none[] = {NULL};
    struct pyro_exec got, exec = {.flags = PYRO_EXEC_TERMINAL | PYRO_EXEC_STDIN,
                                  .arguments = arguments,
                                  .environment = none,
                                  .directory = "",
                                  .terminal = {.columns = 120, .rows = PYRO_TERMINAL_SIZE_MAX}};
    struct pyro_frame frame =
        packed(pyro_exec_pack(&out, 1, &exec), PYRO_FROM_CLIENT, PYRO_FRAME_EXEC);
    is_int(pyro_exec_unpack(frame.payload, frame.length, &got), 0, "EXEC with a terminal");
    is_int(got.terminal.columns, 120, "its width");
    is_int(got.terminal.rows, PYRO_TERMINAL_SIZE_MAX, "its height");
    pyro_exec_finish(&got);
    cut_and_stretch(&frame, unpack_exec);
    exec.flags = 1 << 30;
    frame = packed(pyro_exec_pack(&out, 1, &exec), PYRO_FROM_CLIENT, PYRO_FRAME_EXEC);
    is_int(unpack_exec(frame.payload, frame.length), -EPROTO, "a flag nobody knows");
    pyro_buffer_consume(&out, out.size);
    struct pyro_terminal_size size = {.columns = 0, .rows = 1};
    is_int(pyro_resize_pack(&out, 1, &size), -EINVAL, "no width");
    size = (struct pyro_terminal_size){.columns = 1, .rows = PYRO_TERMINAL_SIZE_MAX + 1};
    is_int(pyro_resize_pack(&out, 1, &size), -EINVAL, "too high");
    const uint8_t zeros[8] = {0};
    is_int(pyro_resize_unpack(zeros, sizeof(zeros), &size), -EPROTO, "nothing of both");
}

static void test_exec_limits(void)
{
    static char large[PYRO_FRAME_PAYLOAD_MAX];
    static char *many[PYRO_EXEC_ARGUMENTS_MAX + 2];
    char *none[] = {NULL}, *one[] = {large, NULL};
    struct pyro_exec exec = {.arguments = many, .environment = none, .directory = ""};
    struct pyro_frame frame;
    for (size_t i = 0; i <= PYRO_EXEC_ARGUMENTS_MAX; i++)
        many[i] = "";
    is_int(pyro_exec_pack(&out, 1, &exec), -E2BIG, "one word too many");
    many[PYRO_EXEC_ARGUMENTS_MAX] = NULL;
    frame = packed(pyro_exec_pack(&out, 1, &exec), PYRO_TO_GUEST, PYRO_FRAME_EXEC);
    is_int(unpack_exec(frame.payload, frame.length), 0, "as many words as may be");
    pyro_buffer_consume(&out, out.size);
    memset(large, 'x', sizeof(large) - 1);
    exec.arguments = one;
    is_int(pyro_exec_pack(&out, 1, &exec), -EMSGSIZE, "a word that is too long");
    is_int(out.size, 0, "leaves nothing behind");
    exec.arguments = none;
    frame = packed(pyro_exec_pack(&out, 1, &exec), PYRO_TO_GUEST, PYRO_FRAME_EXEC);
    is_int(unpack_exec(frame.payload, frame.length), -EPROTO, "no word at all");
    pyro_buffer_consume(&out, out.size);
}

/* Every length field inside EXEC replaced by lies. */
static void test_exec_lies(void)
{
    char *arguments[] = {"ab", "c", NULL}, *environment[] = {"A=1", NULL};
    struct pyro_exec exec = {.arguments = arguments, .environment = environment, .directory = "/"};
    struct pyro_frame frame =
        packed(pyro_exec_pack(&out, 1, &exec), PYRO_TO_GUEST, PYRO_FRAME_EXEC);
    static const uint32_t lies[] = {0, 1, 3, 4097, 65536, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint8_t payload[256];
    int survived = 1;
    for (size_t at = 8; at + 4 <= frame.length; at++) {
        for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
            memcpy(payload, frame.payload, frame.length);
            for (int b = 0; b < 4; b++)
                payload[at + (size_t)b] = (uint8_t)(lies[i] >> (8 * b));
            int r = unpack_exec(payload, frame.length);
            survived = survived && (r == 0 || r == -EPROTO);
        }
    }
    ok(survived, "lying lengths are refused or harmless");
    pyro_buffer_consume(&out, out.size);
}

static void test_small_frames(void)
{
    uint32_t value;
    struct pyro_frame frame =
        packed(pyro_started_pack(&out, 3, 4711), PYRO_FROM_GUEST, PYRO_FRAME_STARTED);
    is_int(pyro_u32_unpack(frame.payload, frame.length, &value), 0, "STARTED");
    is_int(value, 4711, "pid");
    cut_and_stretch(&frame, unpack_u32);
    frame = packed(pyro_credit_pack(&out, 3, PYRO_CHANNEL_STDOUT, UINT32_MAX), PYRO_TO_GUEST,
                   PYRO_FRAME_CREDIT);
    is_int(pyro_u32_unpack(frame.payload, frame.length, &value), 0, "CREDIT");
    is_int(value, UINT32_MAX, "bytes");
    cut_and_stretch(&frame, unpack_u32);
    enum pyro_stop_kind kind;
    frame = packed(pyro_stop_pack(&out, PYRO_STOP_AT_ONCE), PYRO_FROM_CLIENT, PYRO_FRAME_STOP);
    ok(pyro_stop_unpack(frame.payload, frame.length, &kind) == 0 && kind == PYRO_STOP_AT_ONCE,
       "STOP");
    cut_and_stretch(&frame, unpack_stop);
    is_int(unpack_stop((const uint8_t *)"\2", 1), -EPROTO, "an unknown way to stop");
}

static void test_exited(void)
{
    static const struct pyro_exited bad[] = {{.kind = 3},
                                             {.kind = PYRO_EXIT_CODE, .value = 256},
                                             {.kind = PYRO_EXIT_SIGNAL, .value = 256},
                                             {.kind = PYRO_EXIT_CODE, .timed_out = 2}};
    struct pyro_exited got,
        exited = {.kind = PYRO_EXIT_SIGNAL, .timed_out = 1, .value = 9, .duration_us = 1ull << 33};
    struct pyro_frame frame =
        packed(pyro_exited_pack(&out, 3, &exited), PYRO_TO_CLIENT, PYRO_FRAME_EXITED);
    is_int(pyro_exited_unpack(frame.payload, frame.length, &got), 0, "EXITED");
    ok(got.kind == PYRO_EXIT_SIGNAL && got.timed_out && got.value == 9 &&
           got.duration_us == 1ull << 33,
       "unchanged");
    cut_and_stretch(&frame, unpack_exited);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        frame = packed(pyro_exited_pack(&out, 3, &bad[i]), PYRO_FROM_GUEST, PYRO_FRAME_EXITED);
        is_int(unpack_exited(frame.payload, frame.length), -EPROTO, "an impossible end");
        pyro_buffer_consume(&out, out.size);
    }
}

static void test_exit_status(void)
{
    static const struct {
        struct pyro_exited exited;
        int status;
    } cases[] = {
        {{.kind = PYRO_EXIT_CODE, .value = 0}, 0},
        {{.kind = PYRO_EXIT_CODE, .value = 255}, 255},
        {{.kind = PYRO_EXIT_SIGNAL, .value = 15}, 143},
        {{.kind = PYRO_EXIT_UNSTARTED, .value = ENOENT}, 127},
        {{.kind = PYRO_EXIT_UNSTARTED, .value = ENOTDIR}, 127},
        {{.kind = PYRO_EXIT_UNSTARTED, .value = EACCES}, 126},
        {{.kind = PYRO_EXIT_UNSTARTED, .value = ENOEXEC}, 126},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        is_int(pyro_exited_status(&cases[i].exited), cases[i].status, "as a shell has it");
}

static void test_client_frames(void)
{
    struct pyro_state got_state,
        state = {.phase = PYRO_PHASE_RUNNING, .boot_json = "{\"total\":1}"};
    struct pyro_failure got_failure, failure = {.code = 12, .message = "why", .hint = "what next"};
    struct pyro_frame frame =
        packed(pyro_state_pack(&out, &state), PYRO_TO_CLIENT, PYRO_FRAME_STATE);
    is_int(pyro_state_unpack(frame.payload, frame.length, &got_state), 0, "STATE");
    ok(got_state.phase == PYRO_PHASE_RUNNING && strcmp(got_state.boot_json, state.boot_json) == 0,
       "unchanged");
    cut_and_stretch(&frame, unpack_state);
    frame = packed(pyro_failure_pack(&out, &failure), PYRO_TO_CLIENT, PYRO_FRAME_FAILURE);
    is_int(pyro_failure_unpack(frame.payload, frame.length, &got_failure), 0, "FAILURE");
    ok(got_failure.code == 12 && strcmp(got_failure.message, "why") == 0 &&
           strcmp(got_failure.hint, "what next") == 0,
       "unchanged");
    cut_and_stretch(&frame, unpack_failure);
    memset(failure.message, 'm', sizeof(failure.message) - 1);
    memset(failure.hint, 'h', sizeof(failure.hint) - 1);
    memset(state.boot_json, 'j', sizeof(state.boot_json) - 1);
    packed(pyro_failure_pack(&out, &failure), PYRO_TO_CLIENT, PYRO_FRAME_FAILURE);
    pyro_buffer_consume(&out, out.size);
    packed(pyro_state_pack(&out, &state), PYRO_TO_CLIENT, PYRO_FRAME_STATE);
    pyro_buffer_consume(&out, out.size);
}

int main(void)
{
    pyro_buffer_init(&out, 2 * PYRO_FRAME_SIZE_MAX);
    test_ready();
    test_setup();
    test_setup_done();
    test_clock();
    test_packing_behind_others();
    test_text_limits();
    test_exec();
    test_terminal();
    test_exec_limits();
    test_exec_lies();
    test_small_frames();
    test_exited();
    test_exit_status();
    test_client_frames();
    pyro_buffer_finish(&out);
    return tap_done();
}
