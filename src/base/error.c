/* The error table's look-ups, and the functions that fill an error in. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_status;
    const char *python_class;
} error_table[PYRO_ERROR_COUNT] = {
#define X(code, name, exit_status, python) [PYRO_ERROR_##code] = {name, exit_status, python},
    PYRO_ERROR_TABLE(X)
#undef X
};

static int in_table(enum pyro_error_code code)
{
    return code > PYRO_ERROR_NONE && code < PYRO_ERROR_COUNT;
}

const char *pyro_error_name(enum pyro_error_code code)
{
    return in_table(code) ? error_table[code].name : "unknown";
}

int pyro_error_exit_status(enum pyro_error_code code)
{
    return in_table(code) ? error_table[code].exit_status : 125;
}

const char *pyro_error_python_class(enum pyro_error_code code)
{
    return in_table(code) ? error_table[code].python_class : "RuntimeError";
}

static void start(struct pyro_error *error, enum pyro_error_code code, const char *format,
                  va_list arguments)
{
    error->code = code;
    error->errnum = 0;
    error->field[0] = '\0';
    error->hint[0] = '\0';
    vsnprintf(error->message, sizeof(error->message), format, arguments);
}

int pyro_error_set(struct pyro_error *error, enum pyro_error_code code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        start(error, code, format, arguments);
        va_end(arguments);
    }
    return -1;
}

int pyro_error_set_errno(struct pyro_error *error, enum pyro_error_code code, int errnum,
                         const char *format, ...)
{
    if (!error)
        return -1;
    errnum = errnum < 0 ? -errnum : errnum;
    if (errnum == ECANCELED)
        return pyro_error_set(error, PYRO_ERROR_CANCELLED, "cancelled");
    va_list arguments;
    va_start(arguments, format);
    start(error, code, format, arguments);
    va_end(arguments);
    error->errnum = errnum;
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", strerror(errnum));
    if (errnum == ENOMEM) {
        error->code = PYRO_ERROR_OUT_OF_MEMORY;
    } else if (errnum == ENOSPC || errnum == EDQUOT) {
        error->code = PYRO_ERROR_DISK_FULL;
        pyro_error_hint(error, "free some disk space (`pyro env prune` removes what is not needed) "
                               "and try again");
    }
    return -1;
}

int pyro_error_hint(struct pyro_error *error, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->hint, sizeof(error->hint), format, arguments);
        va_end(arguments);
    }
    return -1;
}

int pyro_error_field(struct pyro_error *error, const char *field)
{
    if (error)
        snprintf(error->field, sizeof(error->field), "%s", field);
    return -1;
}

int pyro_error_no_memory(struct pyro_error *error)
{
    return pyro_error_set(error, PYRO_ERROR_OUT_OF_MEMORY, "not enough memory");
}
