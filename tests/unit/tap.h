/* The unit tests' header: TAP on stdout, one line per check, nothing to install.
 * A test program includes it once, calls ok() and friends, and ends main with `return tap_done();`.
 */
#ifndef PYRO_TESTS_TAP_H
#define PYRO_TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline int ok(int good, const char *format, ...)
{
    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    tap_failed += !good;
    return good;
}

#define is_int(got, wanted, ...)                                                                   \
    tap_is_int((long long)(got), (long long)(wanted), __FILE__, __LINE__, __VA_ARGS__)
#define is_text(got, wanted, ...) tap_is_text((got), (wanted), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((unused)) static int tap_is_int(long long got, long long wanted, const char *file,
                                              int line, const char *name)
{
    if (!ok(got == wanted, "%s", name))
        printf("# %s:%d: got %lld, wanted %lld\n", file, line, got, wanted);
    return got == wanted;
}

__attribute__((unused)) static int tap_is_text(const char *got, const char *wanted,
                                               const char *file, int line, const char *name)
{
    int same = got && wanted && strcmp(got, wanted) == 0;
    if (!ok(same, "%s", name))
        printf("# %s:%d: got '%s', wanted '%s'\n", file, line, got ? got : "(null)",
               wanted ? wanted : "(null)");
    return same;
}

static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed > 0;
}

#endif
