#include "vm/tsc.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

enum {
    SAMPLES = 6, /* one second apart would be exact, 10 ms apart is near enough */
    SAMPLE_GAP_MS = 10,
    BRACKETS = 64,         /* tries per sample to read both clocks at one moment */
    CPUINFO_CAP = 4 << 20, /* some 2 kB for each CPU */
};

static bool has_word(const char *line, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = line; (at = memmem(at, size - (size_t)(at - line), word, length)); at++) {
        const char *end = at + length;
        bool starts = at > line && (at[-1] == ' ' || at[-1] == '\t');
        if (starts && (end == line + size || *end == ' '))
            return true;
    }
    return false;
}

bool pyro_tsc_is_plausible(int64_t khz)
{
    return khz >= 100000 && khz <= 10000000;
}

bool pyro_tsc_is_constant(const char *cpuinfo)
{
    const char *flags = strncmp(cpuinfo, "flags", 5) == 0 ? cpuinfo : strstr(cpuinfo, "\nflags");
    if (!flags)
        return false;
    flags++;
    size_t size = strcspn(flags, "\n");
    return has_word(flags, size, "constant_tsc") && has_word(flags, size, "nonstop_tsc");
}

/* The kernel turns cycles into nanoseconds as cycles × time_mult >> time_shift. */
uint32_t pyro_tsc_from_kernel(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_SW_DUMMY,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .disabled = 1};
    cleanup_close int fd =
        (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    const struct perf_event_mmap_page *page =
        fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return 0;
    uint32_t mult = page->cap_user_time ? page->time_mult : 0;
    unsigned shift = page->time_shift;
    munmap((void *)page, size);
    return mult && shift < 44 ? (uint32_t)((1000000ull << shift) / mult) : 0;
}

#if defined(__x86_64__)
struct sample {
    uint64_t cycles, ns;
    uint64_t doubt; /* cycles between the two readings around the clock's */
};

/* Reads the counter on both sides of the clock; of many tries the tightest was interrupted least.
 */
static struct sample take_sample(void)
{
    struct sample best = {.doubt = UINT64_MAX};
    for (int i = 0; i < BRACKETS; i++) {
        unsigned cpu;
        uint64_t before = __rdtscp(&cpu);
        uint64_t ns = pyro_clock_ns(CLOCK_MONOTONIC_RAW);
        uint64_t after = __rdtscp(&cpu);
        if (after - before < best.doubt)
            best = (struct sample){before + (after - before) / 2, ns, after - before};
    }
    return best;
}

uint32_t pyro_tsc_measure(void)
{
    struct sample first = take_sample(), last = first;
    uint64_t doubt = UINT64_MAX;
    uint32_t khz = 0;
    for (int i = 1; i < SAMPLES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = SAMPLE_GAP_MS * 1000000}, NULL);
        last = take_sample();
        /* Judged by its doubt relative to its span, so a later sample wins unless it was disturbed.
         */
        uint64_t cycles = last.cycles - first.cycles, ns = last.ns - first.ns;
        if (ns == 0 || last.cycles <= first.cycles)
            return 0;
        uint64_t relative = (last.doubt + first.doubt) * 1000000 / cycles;
        if (relative <= doubt) {
            doubt = relative;
            khz = (uint32_t)(cycles * 1000000 / ns);
        }
    }
    return khz;
}
#else
uint32_t pyro_tsc_measure(void)
{
    return 0;
}
#endif

uint32_t pyro_tsc_find(char *reason, size_t reason_size)
{
    cleanup_free char *cpuinfo = NULL;
    if (pyro_file_read_at(AT_FDCWD, "/proc/cpuinfo", CPUINFO_CAP, &cpuinfo, NULL) < 0 ||
        !pyro_tsc_is_constant(cpuinfo)) {
        snprintf(reason, reason_size, "this CPU's time stamp counter is not constant");
        return 0;
    }
    uint32_t khz = pyro_tsc_from_kernel();
    const char *how = "as the kernel uses it";
    if (khz == 0) {
        khz = pyro_tsc_measure();
        how = "measured against the clock";
    }
    if (!pyro_tsc_is_plausible(khz)) {
        snprintf(reason, reason_size, "the time stamp counter's frequency cannot be measured");
        return 0;
    }
    snprintf(reason, reason_size, "%u.%03u MHz, %s", khz / 1000, khz % 1000, how);
    return khz;
}
