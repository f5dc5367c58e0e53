#include "vm/cpu.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

void pyro_cpu_identify(char *text, size_t text_size)
{
    text[0] = '\0';
#if defined(__x86_64__)
    uint32_t brand[13] = {0}, signature = 0, ignored, a[4] = {0}, b[4] = {0};
    for (unsigned i = 0; i < 3; i++)
        __get_cpuid(0x80000002 + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2],
                    &brand[4 * i + 3]);
    __get_cpuid(1, &signature, &ignored, &a[2], &a[3]); /* b holds the number of the asking CPU */
    __get_cpuid_count(7, 0, &b[0], &b[1], &b[2], &b[3]);
    snprintf(text, text_size, "%.48s, %x, %x.%x, %x.%x.%x", (const char *)brand, signature, a[2],
             a[3], b[1], b[2], b[3]);
#endif
}
