/* QMP against a peer that does it right, and against one that does everything wrong. */
#include "tap.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "vm/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

struct talk {
    struct pyro_loop loop;
    struct pyro_qmp *qmp;
    int peer;
    int ready, replies, problems, events, ended;
    char text[256]; /* the last problem, reason, or event */
    bool destroy_in_callback;
};

static void note(struct talk *talk, const char *text)
{
    snprintf(talk->text, sizeof(talk->text), "%s", text);
    if (talk->destroy_in_callback) {
        pyro_qmp_destroy(talk->qmp);
        talk->qmp = NULL;
    }
}

static void on_ready(void *userdata)
{
    ((struct talk *)userdata)->ready++;
}

static void on_event(void *userdata, const char *name, const json_t *data)
{
    struct talk *talk = userdata;
    (void)data;
    talk->events++;
    note(talk, name);
}

static void on_ended(void *userdata, const char *reason)
{
    struct talk *talk = userdata;
    talk->ended++;
    note(talk, reason);
}

static void on_reply(void *userdata, const json_t *result, const char *problem)
{
    struct talk *talk = userdata;
    talk->replies += result != NULL;
    talk->problems += problem != NULL;
    if (problem)
        note(talk, problem);
}

static void open_talk(struct talk *talk)
{
    int ends[2];
    *talk = (struct talk){0};
    pyro_loop_init(&talk->loop);
    pyro_fd_pair(ends);
    pyro_fd_set_nonblocking(ends[0]);
    pyro_fd_set_nonblocking(ends[1]);
    talk->peer = ends[1];
    struct pyro_qmp_events events = {on_ready, on_event, on_ended, talk};
    pyro_qmp_create(&talk->loop, ends[0], &events, &talk->qmp);
}

static void turn(struct talk *talk)
{
    while (pyro_loop_turn(&talk->loop, 0) > 0)
        ;
}

static void say(struct talk *talk, const char *text)
{
    ssize_t ignored = write(talk->peer, text, strlen(text));
    (void)ignored;
    turn(talk);
}

static void open_ready(struct talk *talk)
{
    open_talk(talk);
    say(talk, GREETING);
    say(talk, "{\"return\": {}, \"id\": 0}\r\n");
}

static void close_talk(struct talk *talk)
{
    pyro_qmp_destroy(talk->qmp);
    pyro_loop_finish(&talk->loop);
    close(talk->peer);
}

static void test_good(void)
{
    struct talk talk;
    open_talk(&talk);
    is_int(pyro_qmp_execute(talk.qmp, "stop", NULL, NULL, NULL), -107, "not before it is ready");
    for (const char *at = GREETING; *at; at++)
        say(&talk, (char[]){*at, 0});
    char asked[512] = "";
    ok(read(talk.peer, asked, sizeof(asked) - 1) > 0 && strstr(asked, "qmp_capabilities"),
       "a greeting byte by byte is answered");
    is_int(talk.ready, 0, "not ready yet");
    say(&talk, "{\"return\": {}, \"id\": 0}\n{\"event\": \"RESUME\"}\n");
    is_int(talk.ready, 1, "ready");
    is_text(talk.text, "RESUME", "an event in the same breath");

    is_int(pyro_qmp_execute(talk.qmp, "one", NULL, on_reply, &talk), 0, "one");
    is_int(pyro_qmp_execute(talk.qmp, "two", NULL, on_reply, &talk), 0, "two");
    say(&talk, "{\"error\": {\"class\": \"X\", \"desc\": \"no such\"}, \"id\": 2}\n");
    is_text(talk.text, "no such", "a refusal is handed on");
    say(&talk, "{\"return\": {}, \"id\": 2}\n{\"return\": {}, \"id\": 77}\n{\"return\": {}}\n{}\n");
    is_int(talk.replies, 0, "answers to nothing are dropped");
    say(&talk, "{\"return\": {}, \"id\": 1}\n");
    is_int(talk.replies, 1, "the other answer finds its request");
    is_int(talk.ended, 0, "all the while connected");
    close_talk(&talk);
}

static void test_end_with_pending(void)
{
    struct talk talk;
    open_ready(&talk);
    int taken = 0;
    while (pyro_qmp_execute(talk.qmp, "query-status", NULL, on_reply, &talk) == 0)
        taken++;
    ok(taken > 0 && taken < 100, "requests are limited (%d)", taken);
    shutdown(talk.peer, SHUT_RDWR);
    turn(&talk);
    is_int(talk.problems, taken, "each open request fails once");
    is_int(talk.ended, 1, "the end is told once");
    is_int(pyro_qmp_execute(talk.qmp, "stop", NULL, NULL, NULL), -107, "nothing goes out after it");
    close_talk(&talk);
}

static void test_hostile(void)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"garbage", "hello\n"},
        {"an array", "[1]\n"},
        {"an empty line", "\n"},
        {"no greeting", "{\"return\": {}}\n"},
        {"a greeting of the wrong type", "{\"QMP\": 3}\n"},
        {"capabilities refused", GREETING "{\"error\": {\"desc\": \"never\"}, \"id\": 0}\n"},
        {"an error that is no object", GREETING "{\"error\": 5, \"id\": 0}\n"},
        {"half of it UTF-8", GREETING "{\"event\": \"\xff\"}\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk talk;
        open_talk(&talk);
        say(&talk, cases[i].text);
        is_int(talk.ended, 1, cases[i].name);
        close_talk(&talk);
    }
    struct talk talk;
    open_ready(&talk);
    say(&talk, "{\"event\": 5}\n{\"event\": {}}\n{\"return\": 1, \"id\": \"1\"}\n{\"id\": 1}\n");
    is_int(talk.ended + talk.events, 0, "wrong types are dropped");
    close_talk(&talk);
}

static void test_endless_line(void)
{
    struct talk talk;
    open_ready(&talk);
    char filler[4096];
    memset(filler, 'x', sizeof(filler));
    size_t sent = 0;
    while (!talk.ended && sent < (8 << 20)) {
        ssize_t put = send(talk.peer, filler, sizeof(filler), MSG_NOSIGNAL);
        sent += put > 0 ? (size_t)put : 0;
        turn(&talk);
    }
    is_text(talk.text, "QEMU's monitor sent a line without an end", "an endless line is cut off");
    ok(sent <= (2 << 20), "after at most 2 MiB");
    close_talk(&talk);
}

static void test_destroyed_in_callback(void)
{
    struct talk talk;
    open_ready(&talk);
    talk.destroy_in_callback = true;
    say(&talk, "{\"event\": \"SHUTDOWN\"}\n{\"event\": \"STOP\"}\n");
    is_int(talk.events, 1, "destroyed in an event: nothing comes after");
    close_talk(&talk);

    open_ready(&talk);
    talk.destroy_in_callback = true;
    pyro_qmp_execute(talk.qmp, "one", NULL, on_reply, &talk);
    pyro_qmp_execute(talk.qmp, "two", NULL, on_reply, &talk);
    shutdown(talk.peer, SHUT_RDWR);
    turn(&talk);
    is_int(talk.problems, 1, "destroyed in a failing reply: nothing comes after");
    is_int(talk.ended, 0, "not even the end");
    close_talk(&talk);
}

int main(void)
{
    test_good();
    test_end_with_pending();
    test_hostile();
    test_endless_line();
    test_destroyed_in_callback();
    return tap_done();
}
