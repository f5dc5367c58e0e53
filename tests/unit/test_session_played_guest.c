/* Services and shells of a supervisor whose guest is played by the test: what an honest agent never
 * says, and when it says nothing. No VM, store or clock is behind it. */
#include "supervisor/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "supervisor/command.h"
#include "tap.h"
#include "wire/frame.h"

/* What the rest of the supervisor would do. */
void life_event(struct supervisor *supervisor, enum event event, const char *format, ...)
{
    (void)supervisor;
    (void)event;
    (void)format;
}

/* What the guest is sent stays in guest_out. */
void guest_flush(struct supervisor *supervisor)
{
    (void)supervisor;
}

void clock_check(struct supervisor *supervisor)
{
    (void)supervisor;
}

void expiry_restart(struct supervisor *supervisor, uint32_t ttl_seconds)
{
    (void)supervisor;
    (void)ttl_seconds;
}

void history_use(struct supervisor *supervisor)
{
    (void)supervisor;
}

void history_note_use(struct supervisor *supervisor)
{
    (void)supervisor;
}

int history_begin(struct supervisor *supervisor, struct history *history,
                  const struct pyro_exec *exec)
{
    (void)supervisor;
    (void)history;
    (void)exec;
    return 0;
}

void history_output(struct supervisor *supervisor, struct history *history,
                    enum pyro_channel channel, const uint8_t *bytes, uint32_t size)
{
    (void)supervisor;
    (void)history;
    (void)channel;
    (void)bytes;
    (void)size;
}

void history_end(struct supervisor *supervisor, struct history *history,
                 const struct pyro_exited *exited)
{
    (void)supervisor;
    (void)history;
    (void)exited;
}

void history_lose(struct supervisor *supervisor, struct history *history)
{
    (void)supervisor;
    (void)history;
}

int history_keep(struct supervisor *supervisor, const char *seed_json, struct pyro_error *error)
{
    (void)supervisor;
    (void)seed_json;
    (void)error;
    return 0;
}

static struct supervisor supervisor;

static int connect_client(void)
{
    int ends[2];
    if (pyro_fd_pair(ends) < 0 || serve_add(&supervisor, ends[0], false) < 0 ||
        pyro_fd_set_nonblocking(ends[1]) < 0)
        exit(1);
    return ends[1];
}

static void turn(void)
{
    while (pyro_loop_turn(&supervisor.loop, 0) > 0)
        ;
}

/* Without a turn of the supervisor. */
static void send_request(int client, const char *request, const void *attached, size_t size)
{
    struct pyro_buffer out;
    pyro_buffer_init(&out, 4 * PYRO_FRAME_SIZE_MAX);
    if ((size > 0 &&
         pyro_frame_append(&out, PYRO_FRAME_ATTACH, PYRO_CHANNEL_NONE, 0, attached, size) < 0) ||
        pyro_frame_append(&out, PYRO_FRAME_REQUEST, PYRO_CHANNEL_NONE, 1, request,
                          strlen(request)) < 0 ||
        pyro_buffer_write(&out, client) < 0)
        exit(1);
    pyro_buffer_finish(&out);
}

static void ask_with(int client, const char *request, const void *attached, size_t size)
{
    send_request(client, request, attached, size);
    turn();
}

static void ask(int client, const char *request)
{
    ask_with(client, request, NULL, 0);
}

/* With a command attached. */
static void ask_to_run(int client, const char *request, uint32_t flags)
{
    char *words[] = {(char *)"/bin/sh", NULL}, *none[] = {NULL};
    const struct pyro_exec exec = {.flags = flags,
                                   .arguments = words,
                                   .environment = none,
                                   .directory = (char *)"/",
                                   .terminal = {80, 24}};
    struct pyro_buffer packed;
    pyro_buffer_init(&packed, PYRO_FRAME_SIZE_MAX);
    if (pyro_exec_pack(&packed, 1, &exec) < 0)
        exit(1);
    ask_with(client, request, pyro_buffer_data(&packed) + PYRO_FRAME_HEADER_SIZE,
             packed.size - PYRO_FRAME_HEADER_SIZE);
    pyro_buffer_finish(&packed);
}

static void open_shell(int client)
{
    ask_to_run(client, "{\"request\": \"shell_open\", \"cwd\": \"/\"}",
               PYRO_EXEC_TERMINAL | PYRO_EXEC_STDIN);
}

/* The next answer, NULL when there is none; to be released. */
static json_t *answer(int client)
{
    struct pyro_buffer in;
    struct pyro_frame frame;
    json_t *found = NULL;
    turn();
    pyro_buffer_init(&in, 4 * PYRO_FRAME_SIZE_MAX);
    while (pyro_buffer_read(&in, client, PYRO_FRAME_SIZE_MAX) > 0)
        ;
    while (pyro_frame_decode(pyro_buffer_data(&in), in.size, PYRO_TO_CLIENT, &frame) > 0) {
        if (frame.type == PYRO_FRAME_ANSWER && found) {
            printf("Bail out! answered twice\n");
            exit(1);
        }
        if (frame.type == PYRO_FRAME_ANSWER)
            found = json_loadb((const char *)frame.payload, frame.length, 0, NULL);
        pyro_buffer_consume(&in, pyro_frame_size(&frame));
    }
    pyro_buffer_finish(&in);
    return found;
}

/* Of the newest command, or of one that many before it. */
static int say(uint32_t before, enum pyro_frame_type type, enum pyro_channel channel,
               const void *payload, uint32_t length)
{
    const struct pyro_frame frame = {.type = type,
                                     .channel = channel,
                                     .stream = supervisor.last_stream - before,
                                     .length = length,
                                     .payload = payload};
    return command_from_guest(&supervisor, &frame);
}

static void say_started(uint32_t before)
{
    static const uint8_t pid[4] = {7};
    say(before, PYRO_FRAME_STARTED, PYRO_CHANNEL_NONE, pid, sizeof(pid));
}

static void say_exited(uint32_t before, enum pyro_exit_kind kind, uint32_t value)
{
    const struct pyro_exited exited = {.kind = kind, .value = value};
    struct pyro_buffer packed;
    pyro_buffer_init(&packed, PYRO_FRAME_SIZE_MAX);
    if (pyro_exited_pack(&packed, supervisor.last_stream - before, &exited) < 0)
        exit(1);
    say(before, PYRO_FRAME_EXITED, PYRO_CHANNEL_NONE,
        pyro_buffer_data(&packed) + PYRO_FRAME_HEADER_SIZE,
        (uint32_t)(packed.size - PYRO_FRAME_HEADER_SIZE));
    pyro_buffer_finish(&packed);
}

static void say_shown(const char *text)
{
    say(0, PYRO_FRAME_DATA, PYRO_CHANNEL_STDOUT, text, (uint32_t)strlen(text));
}

static bool is_kept(const char *path)
{
    return faccessat(supervisor.directory, path, F_OK, 0) == 0;
}

/* As if its time were over. */
static void fire(struct pyro_timer *timer)
{
    pyro_timer_stop(timer);
    timer->callback(timer);
}

/* Bytes of data in what the guest was sent. */
static size_t sent_data(void)
{
    struct pyro_frame frame;
    size_t size = 0;
    while (pyro_frame_decode(pyro_buffer_data(&supervisor.guest_out), supervisor.guest_out.size,
                             PYRO_TO_GUEST, &frame) > 0) {
        size += frame.type == PYRO_FRAME_DATA ? frame.length : 0;
        pyro_buffer_consume(&supervisor.guest_out, pyro_frame_size(&frame));
    }
    return size;
}

static bool is_answered(int client, const char *member)
{
    cleanup_json json_t *got = answer(client);
    if (got && json_object_get(got, member))
        return true;
    cleanup_free char *text = got ? json_dumps(got, 0) : NULL;
    printf("# %s\n", text ? text : "no answer");
    return false;
}

/* `field`: "" when it is about none. */
static bool is_told(int client, const char *words, const char *field)
{
    cleanup_json json_t *got = answer(client);
    const json_t *error = json_object_get(got, "error");
    const char *message = pyro_json_text(error, "message", "");
    if (strstr(message, words) && strcmp(pyro_json_text(error, "field", ""), field) == 0)
        return true;
    cleanup_free char *text = got ? json_dumps(got, 0) : NULL;
    printf("# %s\n", text ? text : "no answer");
    return false;
}

static void test_taken_back(void)
{
    int opener = connect_client(), watcher = connect_client(), closer = connect_client();
    open_shell(opener);
    say_started(0);
    say_shown("evidence");
    ok(is_answered(opener, "record"), "a shell is open when it shows something");
    ask(watcher, "{\"request\": \"shell_watch\", \"name\": \"sh-1\", \"positions\": [8], "
                 "\"wait_ms\": 100000}");
    ask(closer, "{\"request\": \"shell_close\", \"name\": \"sh-1\"}");
    say_exited(0, PYRO_EXIT_UNSTARTED, ENOENT);
    cleanup_json json_t *watched = answer(watcher);
    ok(watched && json_object_size(watched) == 0,
       "who watches one that was never started hears it");
    ok(is_answered(closer, "was_running"), "so does who closes it");
    ok(is_kept("shells/sh-1/output.00000000000000000000"), "what it showed stays");
    is_int(supervisor.session_count + supervisor.waiter_count, 0, "it is over");
    close(opener);
    close(watcher);
    close(closer);
    turn();
}

static void test_never_started(void)
{
    static const char why[] = "pyro: working directory /x: No such file or directory";
    static const char other[] = "pyro: /bin/sh: No such file or directory";
    int opener = connect_client(), closer = connect_client();
    open_shell(opener);
    ask(closer, "{\"request\": \"shell_close\", \"name\": \"sh-2\"}");
    say(0, PYRO_FRAME_DATA, PYRO_CHANNEL_STDERR, why, (uint32_t)strlen(why));
    say_exited(0, PYRO_EXIT_UNSTARTED, ENOENT);
    ok(is_told(opener, "cannot open a shell: working directory /x", "cwd"),
       "who opens it hears why");
    ok(is_answered(closer, "was_running"), "who closes it is answered");
    ok(!is_kept("shells/sh-2"), "nothing of it is left");
    open_shell(opener);
    say(0, PYRO_FRAME_DATA, PYRO_CHANNEL_STDERR, other, (uint32_t)strlen(other));
    say_exited(0, PYRO_EXIT_UNSTARTED, ENOENT);
    ok(is_told(opener, "cannot open a shell: /bin/sh: No such file", ""), "and about what");
    open_shell(opener);
    fire(&supervisor.sessions->beginning);
    say_exited(0, PYRO_EXIT_SIGNAL, 9);
    ok(is_told(opener, "within 2 minutes", ""), "a guest that says nothing is not waited for");
    open_shell(opener);
    close(opener);
    turn();
    say_started(0);
    is_int(supervisor.sessions->ending, SESSION_STOPS, "one whose id nobody was told is hung up");
    say_exited(0, PYRO_EXIT_SIGNAL, 1);
    is_int(supervisor.session_count, 0, "and ends");
    close(closer);
    turn();
}

/* What is on disk of the service; to be released. */
static json_t *read_service(void)
{
    int r;
    cleanup_close int directory =
        pyro_session_open(supervisor.directory, PYRO_SESSION_SERVICE, "web", false);
    return directory < 0 ? NULL : pyro_session_read(directory, &r);
}

static void start_service(int client)
{
    ask_to_run(client, "{\"request\": \"service_start\", \"name\": \"web\", \"record\": {}}", 0);
}

static void test_service(void)
{
    int client = connect_client();
    start_service(client);
    fire(&supervisor.sessions->beginning);
    ok(!supervisor.sessions->beginning.loop && supervisor.sessions->grace.loop,
       "a service that is not started in time has to end");
    say_started(0);
    say_exited(0, PYRO_EXIT_SIGNAL, 15);
    cleanup_json json_t *got = answer(client);
    const json_t *record = json_object_get(got, "record");
    is_text(pyro_json_text(record, "state", ""), "failed", "it failed");
    ok(strstr(pyro_json_text(record, "stop_reason", ""), "within 2 minutes") != NULL,
       "the record says why");
    start_service(client);
    close(client);
    turn();
    say_started(0);
    say_exited(0, PYRO_EXIT_SIGNAL, 15);
    cleanup_json json_t *left = read_service();
    is_text(pyro_json_text(left, "state", ""), "failed",
            "one that nobody waits for is never ready");
    ok(json_is_null(json_object_get(left, "ready_at")), "at no time");
}

/* Its process is the one before its probe. */
static void start_probed(int client)
{
    ask_to_run(
        client,
        "{\"request\": \"service_start\", \"name\": \"web\", \"record\": {}, \"limit_ms\": 1000, "
        "\"interval_ms\": 10, \"probe\": {\"type\": \"command\", \"target\": \"x\"}}",
        0);
    say_started(1);
    say_started(0);
}

static void test_readiness(void)
{
    int client = connect_client();
    start_probed(client);
    ok(!answer(client), "a service is not ready because it was started");
    say_exited(0, PYRO_EXIT_CODE, 0);
    cleanup_json json_t *ready = answer(client);
    const json_t *record = json_object_get(ready, "record");
    is_text(pyro_json_text(record, "state", ""), "running", "but when its probe says so");
    ok(json_is_real(json_object_get(record, "ready_at")), "since when, it says");
    say_exited(1, PYRO_EXIT_CODE, 3);
    cleanup_json json_t *left = read_service();
    is_text(pyro_json_text(left, "state", ""), "exited", "one that was ready fails no more");
    is_int(pyro_json_integer(left, "exit_code", -1), 3, "it exits");
    start_probed(client);
    say_exited(1, PYRO_EXIT_CODE, 0);
    ok(!answer(client), "one that ends is not answered before its probe has");
    say_exited(0, PYRO_EXIT_SIGNAL, 9);
    cleanup_json json_t *ended = answer(client);
    is_text(pyro_json_text(json_object_get(ended, "record"), "state", ""), "failed", "then it is");
    ok(pyro_json_boolean(ended, "by_itself", false), "nobody has asked it to end");
    close(client);
    turn();
}

static void test_last_words_of_a_probe(void)
{
    char line[320];
    int client = connect_client();
    start_probed(client);
    memset(line, '.', sizeof(line));
    memcpy(line + sizeof(line) - 6, "REASON", 6);
    say(0, PYRO_FRAME_DATA, PYRO_CHANNEL_STDERR, line, sizeof(line));
    say_exited(0, PYRO_EXIT_CODE, 1);
    say_exited(1, PYRO_EXIT_CODE, 0);
    cleanup_json json_t *got = answer(client);
    const json_t *record = json_object_get(got, "record");
    ok(strstr(pyro_json_text(record, "stop_reason", ""), "REASON") != NULL, "none is cut off");
    ok(!pyro_json_boolean(got, "by_itself", true), "it was asked to end");
    close(client);
    turn();
}

static void test_many_watchers(void)
{
    static const char watch[] = "{\"request\": \"shell_watch\", \"name\": \"sh-5\", "
                                "\"positions\": [2], \"wait_ms\": 100000}";
    int clients[WATCHERS_MAX + 2];
    open_shell(clients[0] = connect_client());
    say_started(0);
    say_shown("$ ");
    ok(is_answered(clients[0], "record"), "a shell is open");
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
        ask(i ? clients[i] = connect_client() : clients[0], watch);
    ok(!answer(clients[WATCHERS_MAX - 1]), "many may watch it");
    ok(is_told(clients[WATCHERS_MAX + 1], "clients wait already", ""), "there is room for others");
    say_exited(0, PYRO_EXIT_SIGNAL, 1);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
        close(clients[i]);
    turn();
}

static void test_what_no_terminal_has(void)
{
    static const char *const wrong[] = {
        "{\"request\": \"shell_resize\", \"name\": \"sh-6\", \"cols\": -1, \"rows\": 24}",
        "{\"request\": \"shell_resize\", \"name\": \"sh-6\", \"cols\": 80, \"rows\": 0}",
        "{\"request\": \"shell_resize\", \"name\": \"sh-6\", \"cols\": 5000, \"rows\": 24}",
        "{\"request\": \"shell_signal\", \"name\": \"sh-6\", \"signal\": 0}",
        "{\"request\": \"shell_signal\", \"name\": \"sh-6\", \"signal\": 65}"};
    int client = connect_client();
    open_shell(client);
    say_started(0);
    say_shown("$ ");
    ok(is_answered(client, "record"), "a shell is open");
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        ask(client, wrong[i]);
        ok(is_told(client, "cannot be sent that", i < 3 ? "cols" : "signal_name"),
           "refused: number %zu", i);
    }
    is_int(json_integer_value(json_object_get(supervisor.sessions->record, "cols")), 80,
           "its record is as it was");
    say_exited(0, PYRO_EXIT_SIGNAL, 1);
    close(client);
    turn();
}

static void test_lost(void)
{
    int client = connect_client();
    start_service(client);
    say_started(0);
    command_finish_all(&supervisor);
    cleanup_json json_t *left = read_service();
    is_text(pyro_json_text(left, "stop_reason", ""), "its guest ended first", "a guest that ends");
    ok(json_is_real(json_object_get(left, "ended_at")), "was seen to");
    ok(json_is_null(json_object_get(left, "exit_code")), "how the service ended was not");
    close(client);
    turn();
}

static void test_input(void)
{
    enum { SIZE = PYRO_FRAME_PAYLOAD_MAX };
    static char typed[SIZE];
    int client = connect_client(), closer = connect_client();
    open_shell(client);
    say_started(0);
    say_shown("$ ");
    sent_data();
    for (int i = 0; i < 32; i++)
        ask_with(client, "{\"request\": \"shell_write\", \"name\": \"sh-3\"}", typed, SIZE);
    is_int(sent_data(), PYRO_WINDOW_INITIAL, "as much as the guest takes is sent");
    static const uint8_t credit[4] = {0, 0, 2};
    supervisor.guest_out.cap = 0; /* others wait for it too */
    say(0, PYRO_FRAME_CREDIT, PYRO_CHANNEL_STDIN, credit, sizeof(credit));
    is_int(sent_data(), 0, "nothing when its queue is full");
    supervisor.guest_out.cap = OUTGOING_MAX;
    shells_send_input(&supervisor);
    is_int(sent_data(), 128 * 1024, "and what it takes then when it is not any more");
    ask(closer, "{\"request\": \"shell_close\", \"name\": \"sh-3\"}");
    say(0, PYRO_FRAME_CREDIT, PYRO_CHANNEL_STDIN, credit, sizeof(credit));
    is_int(sent_data(), 0, "nothing after it was hung up");
    say_exited(0, PYRO_EXIT_SIGNAL, 1);
    close(client);
    close(closer);
    turn();
}

/* The oldest that rests has something to say after all; the next one makes room. */
static void test_room(void)
{
    static const char watch[] =
        "{\"request\": \"shell_watch\", \"name\": \"sh-4\", \"positions\": [2], \"wait_ms\": 1}";
    enum { PLACES = 64 };
    int clients[PLACES];
    open_shell(clients[0] = connect_client());
    say_started(0);
    say_shown("$ ");
    for (int i = 1; i < PLACES; i++) {
        clients[i] = connect_client();
        ask(clients[i], "{\"request\": \"shell_signal\", \"name\": \"sh-4\", \"signal\": 2}");
    }
    turn();
    unsigned before = supervisor.client_count;
    if (serve_open(&supervisor) < 0)
        exit(1);
    cleanup_close int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket",
             supervisor.directory);
    if (connect(late, (struct sockaddr *)&address, sizeof(address)) < 0)
        exit(1);
    send_request(clients[0], watch, NULL, 0);
    supervisor.listener.callback(&supervisor.listener, 0);
    is_int(before, PLACES, "all places are taken");
    is_int(supervisor.client_count, PLACES, "one that rests makes room for another");
    int gone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(gone, (struct sockaddr *)&address, sizeof(address)) < 0)
        exit(1);
    send_request(gone, "{\"request\": \"shell_close\", \"name\": \"sh-4\"}", NULL, 0);
    close(gone);
    supervisor.listener.callback(&supervisor.listener, 0);
    is_int(supervisor.sessions->ending, SESSION_GOES_ON, "who has gone meanwhile is not heard");
    ok(supervisor.listener.events != 0, "who comes later is heard");
    for (int i = 0; i < PLACES; i++)
        close(clients[i]);
    turn();
}

int main(void)
{
    char path[] = "/tmp/pyro-test-session-XXXXXX";
    supervisor = (struct supervisor){.state = STATE_RUNNING, .owner_fd = -1};
    supervisor.config.is_workspace = true;
    supervisor.directory = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    pyro_buffer_init(&supervisor.guest_out, OUTGOING_MAX);
    if (supervisor.directory < 0 || pyro_loop_init(&supervisor.loop) < 0)
        return 1;
    test_taken_back();
    test_never_started();
    test_service();
    test_readiness();
    test_last_words_of_a_probe();
    test_input();
    test_room();
    test_many_watchers();
    test_what_no_terminal_has();
    test_lost();
    serve_close(&supervisor);
    pyro_buffer_finish(&supervisor.guest_out);
    pyro_loop_finish(&supervisor.loop);
    close(supervisor.directory);
    pyro_tree_remove_at(AT_FDCWD, path);
    return tap_done();
}
