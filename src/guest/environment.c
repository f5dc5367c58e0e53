/* The environment of a command: what a login as root would have set, and what the caller adds. */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "guest/child.h"

static const char *const defaults[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    "LANG=C.UTF-8",
};

static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");
    return strncmp(a, b, length) == 0 && b[length] == '=';
}

static bool is_set(char *const *variables, const char *variable)
{
    for (; *variables; variables++) {
        if (same_name(variable, *variables))
            return true;
    }
    return false;
}

const char *pyro_environment_get(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

char **pyro_environment_make(const struct pyro_exec *exec, const char *shell, const char *pwd)
{
    enum { MORE = 3 }; /* SHELL, PWD, the closing NULL */
    size_t count = 0;
    while (exec->environment[count])
        count++;
    size_t size = (ARRAY_SIZE(defaults) + MORE + count) * sizeof(char *);
    char **environment = malloc(size), **at = environment;
    if (!environment)
        return NULL;
    const char *more[] = {shell, pwd};
    for (size_t i = 0; i < ARRAY_SIZE(defaults) + ARRAY_SIZE(more); i++) {
        const char *variable =
            i < ARRAY_SIZE(defaults) ? defaults[i] : more[i - ARRAY_SIZE(defaults)];
        if (!is_set(exec->environment, variable))
            *at++ = (char *)variable;
    }
    /* Of two with one name the later counts, as with env(1). */
    for (char **variable = exec->environment; *variable; variable++) {
        if (!is_set(variable + 1, *variable))
            *at++ = *variable;
    }
    *at = NULL;
    return environment;
}
