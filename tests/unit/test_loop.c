/* The event loop: what a callback may do to others, timers in order, signals. */
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "tap.h"

struct two {
    struct pyro_source sources[2];
    int ends[2][2];
    int calls;
};

static void remove_both(struct pyro_source *source, uint32_t events)
{
    struct two *two = source->userdata;
    (void)events;
    two->calls++;
    for (int i = 0; i < 2; i++) {
        pyro_source_remove(&two->sources[i]);
        pyro_source_remove(&two->sources[i]);
    }
}

static void count_call(struct pyro_source *source, uint32_t events)
{
    char byte;
    (void)events;
    ((struct two *)source->userdata)->calls += read(source->fd, &byte, 1) == 1;
}

static void open_two(struct pyro_loop *loop, struct two *two, pyro_source_callback callback)
{
    *two = (struct two){0};
    for (int i = 0; i < 2; i++) {
        ok(pyro_fd_pair(two->ends[i]) == 0 &&
               pyro_source_add(loop, &two->sources[i], two->ends[i][0], EPOLLIN, callback, two) ==
                   0,
           "watched");
    }
}

static void close_two(struct two *two)
{
    for (int i = 0; i < 4; i++)
        close(two->ends[i / 2][i % 2]);
}

static void test_sources(struct pyro_loop *loop)
{
    struct two two;
    open_two(loop, &two, count_call);
    is_int(pyro_loop_turn(loop, 0), 0, "nothing to do");
    ok(write(two.ends[0][1], "a", 1) == 1 && write(two.ends[1][1], "b", 1) == 1, "two events");
    is_int(pyro_loop_turn(loop, 1000), 2, "both in one turn");
    is_int(two.calls, 2, "both delivered");
    pyro_source_set(&two.sources[0], 0);
    ok(write(two.ends[0][1], "a", 1) == 1, "an event nobody wants");
    is_int(pyro_loop_turn(loop, 0), 0, "is not delivered");
    pyro_source_set(&two.sources[0], EPOLLIN | EPOLLOUT);
    is_int(pyro_loop_turn(loop, 0), 1, "until it is wanted again");
    pyro_source_remove(&two.sources[0]);
    pyro_source_remove(&two.sources[1]);
    pyro_source_set(&two.sources[1], EPOLLIN);
    close_two(&two);
}

static void test_removal_in_a_callback(struct pyro_loop *loop)
{
    struct two two;
    open_two(loop, &two, remove_both);
    ok(write(two.ends[0][1], "a", 1) == 1 && write(two.ends[1][1], "b", 1) == 1, "two events");
    pyro_loop_turn(loop, 1000);
    is_int(two.calls, 1, "the removed source hears nothing more of this round");
    is_int(pyro_loop_turn(loop, 0), 0, "nor of the next");
    close_two(&two);
}

struct order {
    struct pyro_timer timer;
    char *log;
    char name;
};

static void log_name(struct pyro_timer *timer)
{
    struct order *order = timer->userdata;
    order->log[strlen(order->log)] = order->name;
}

static void test_timers(struct pyro_loop *loop)
{
    char log[8] = "";
    struct order a = {.log = log, .name = 'a'}, b = a, c = a, d = a;
    b.name = 'b', c.name = 'c', d.name = 'd';
    pyro_timer_start(loop, &b.timer, 20, log_name, &b);
    pyro_timer_start(loop, &a.timer, 10, log_name, &a);
    pyro_timer_start(loop, &d.timer, 30, log_name, &d);
    pyro_timer_start(loop, &c.timer, 1, log_name, &c);
    pyro_timer_start(loop, &c.timer, 25, log_name, &c);
    pyro_timer_stop(&d.timer);
    pyro_timer_stop(&d.timer);
    while (loop->timers)
        pyro_loop_turn(loop, -1);
    is_text(log, "abc", "timers fire in order; re-armed later, stopped never");
    uint64_t before = pyro_now_ms();
    is_int(pyro_loop_turn(loop, 5), 0, "a turn with a limit and nothing to do");
    ok(pyro_now_ms() - before >= 4, "takes its time");
}

static void stop_loop(struct pyro_timer *timer)
{
    pyro_loop_stop(timer->userdata);
}

static void test_run_and_stop(struct pyro_loop *loop)
{
    struct pyro_timer timer = {0};
    pyro_timer_start(loop, &timer, 1, stop_loop, loop);
    is_int(pyro_loop_run(loop), 0, "runs until stopped");
}

static void test_signals(struct pyro_loop *loop)
{
    struct two two = {0};
    int fd = pyro_signal_open((const int[]){SIGUSR1, SIGUSR2, 0});
    if (!ok(fd >= 0, "a signalfd"))
        return;
    ok(pyro_source_add(loop, &two.sources[0], fd, EPOLLIN, remove_both, &two) == 0, "watched");
    raise(SIGUSR2);
    pyro_loop_turn(loop, 1000);
    is_int(two.calls, 1, "the signal came");
    struct signalfd_siginfo info;
    ok(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2, "the right one");
    close(fd);
}

static void test_finish(void)
{
    struct pyro_loop loop;
    struct pyro_timer timer = {0};
    is_int(pyro_loop_init(&loop), 0, "a second loop");
    pyro_timer_start(&loop, &timer, 100000, stop_loop, &loop);
    pyro_loop_finish(&loop);
    ok(!timer.loop, "its end disarms timers");
    pyro_loop_finish(&loop);
}

int main(void)
{
    struct pyro_loop loop;
    if (!ok(pyro_loop_init(&loop) == 0, "a loop"))
        return tap_done();
    test_sources(&loop);
    test_removal_in_a_callback(&loop);
    test_timers(&loop);
    test_run_and_stop(&loop);
    test_signals(&loop);
    pyro_loop_finish(&loop);
    test_finish();
    return tap_done();
}
