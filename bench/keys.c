/* Types keys into a workspace's shell through the library, and prints the microseconds until each
 * was read again, a line each.
 *
 *   keys HOME LIBEXEC WORKSPACE_ID SHELL_ID CURSOR ROUNDS
 *
 * Calls it as a server in C does: a program in Python measures its own JSON with it. */
#include <pyro/pyro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct pyro_context *context;

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The result, to be freed. */
static char *call(const char *operation, const char *parameters)
{
    struct pyro_error error;
    char *result;
    if (pyro_call(context, operation, parameters, NULL, &result, &error) == 0)
        return result;
    fprintf(stderr, "%s: %s\n", operation, error.message);
    exit(1);
}

int main(int argc, char **argv)
{
    static const char next[] = "\"next_cursor\":";
    char write[512], read[512];
    struct pyro_error error;
    if (argc != 7)
        return 2;
    const struct pyro_options options = {.home = argv[1], .libexec = argv[2]};
    long long cursor = atoll(argv[5]);
    if (pyro_open(&options, &context, &error) < 0)
        return 1;
    snprintf(write, sizeof(write),
             "{\"workspace_id\":\"%s\",\"shell_id\":\"%s\",\"input\":\"x\","
             "\"append_newline\":false}",
             argv[3], argv[4]);
    for (int i = atoi(argv[6]); i > 0; i--) {
        snprintf(read, sizeof(read),
                 "{\"workspace_id\":\"%s\",\"shell_id\":\"%s\",\"cursor\":%lld,\"wait_ms\":10000}",
                 argv[3], argv[4], cursor);
        double started = now_us();
        pyro_free(call("shell_write", write));
        char *part = call("shell_read", read);
        double took = now_us() - started;
        const char *at = strstr(part, next);
        if (!at || !strchr(part, 'x'))
            return 1;
        cursor = atoll(at + strlen(next));
        pyro_free(part);
        printf("%.0f\n", took);
    }
    pyro_close(context);
    return 0;
}
