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

int main(void)
{
    test_pauses();
    return tap_done();
}
