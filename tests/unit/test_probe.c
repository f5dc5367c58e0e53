#include "guest/probe.h"

#include "tap.h"

static void test_pauses(void)
{
    is_int((long long)pyro_probe_pause_ms(1000, 500, 1001, 9000), 499, "a look that was quick");
    is_int((long long)pyro_probe_pause_ms(1000, 500, 1500, 9000), 0, "one as long as the interval");
    is_int((long long)pyro_probe_pause_ms(1000, 20, 1900, 9000), 0, "one that took much longer");
    is_int((long long)pyro_probe_pause_ms(8900, 500, 8901, 9000), 99, "the last one, at the limit");
    is_int((long long)pyro_probe_pause_ms(0, 3600000, 1, 5000), 4999, "an interval beyond it");
    is_int((long long)pyro_probe_pause_ms(1000, UINT64_MAX, 1001, 9000), 0, "one that overflows");
}

static void test_limits_of_a_look(void)
{
    is_int((long long)pyro_probe_look_by(1000, 9000, UINT64_MAX), 9000, "one without a limit");
    is_int((long long)pyro_probe_look_by(1000, 9000, 5000), 6000, "one with its own");
    is_int((long long)pyro_probe_look_by(7000, 9000, 5000), 9000, "the limit of all comes first");
    is_int((long long)pyro_probe_look_by(9000, 9000, 5000), 9100, "the last one has some time");
    is_int((long long)pyro_probe_look_by(9500, 9000, 5000), 9600, "also when it comes late");
    is_int((long long)pyro_probe_look_by(1000, UINT64_MAX, 10000), 11000, "no overflow");
}

int main(void)
{
    test_limits_of_a_look();
    test_pauses();
    return tap_done();
}
