/* The operation table: each operation is described once, and every front is driven by that. */
#ifndef PYRO_OPERATION_OPERATION_H
#define PYRO_OPERATION_OPERATION_H

#include <jansson.h>
#include <pyro/pyro.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/home.h"
#include "store/store.h"

enum pyro_type {
    PYRO_TYPE_STRING,
    PYRO_TYPE_INTEGER,
    PYRO_TYPE_NUMBER,
    PYRO_TYPE_BOOLEAN,
    PYRO_TYPE_COMMAND, /* a string (run by /bin/sh -lc) or an array of strings (run as it is) */
    PYRO_TYPE_STRINGS, /* an array of strings */
    PYRO_TYPE_OBJECT,
    PYRO_TYPE_OBJECTS, /* an array of objects */
    PYRO_TYPE_BYTES,   /* a string that may hold NUL; from the command line any bytes but that */
};

/* One form of an object parameter: {"type": TYPE, MEMBER: text}. */
struct pyro_variant {
    const char *type;   /* "file" */
    const char *member; /* "path" */
    const char *flag;   /* "ready-file": its value is the member, and stands for the whole object */
    const char *help;
};

/* Whether the value is a path of this host, which not every front may pass on as it is. */
enum pyro_host_path {
    PYRO_NO_HOST_PATH,
    PYRO_HOST_SOURCE, /* what is there is read */
    PYRO_HOST_OUTPUT, /* something is made there */
};

/* A boolean that is true by default is switched off on the command line: its flag means false, and
 * is --no-name-with-dashes. */
struct pyro_parameter {
    const char *name; /* snake_case: JSON and Python; the flag is --name-with-dashes */
    const char *flag; /* the flag where that is not so: its name without the dashes; else NULL */
    const char *flag_help; /* of the flag where that needs other words than `help`; else NULL */
    enum pyro_type type;
    bool required;
    bool positional;            /* on the command line */
    bool rest;                  /* on the command line: the words after -- */
    const char *bare;           /* what the flag without a value means; NULL: it needs one */
    const char *fallback;       /* default as JSON text, NULL: none (then absent unless required) */
    int64_t minimum, maximum;   /* of integers; both 0: no limit */
    const char *const *choices; /* of strings, NULL-terminated, or NULL */
    const struct pyro_variant *variants; /* of objects, ends with a NULL type, or NULL: any */
    bool command_line;                   /* makes sense there only */
    enum pyro_host_path host_path;       /* of strings; one parameter at most */
    const char *help;                    /* one line */
};

/* One member of a result. */
struct pyro_field {
    const char *name;
    enum pyro_type type;
    bool nullable;
    const struct pyro_field *members; /* of objects; ends with a NULL name; NULL: any */
    const char *help;
};

/* As MCP has them. */
enum pyro_annotation {
    PYRO_READ_ONLY = 1 << 0,
    PYRO_DESTRUCTIVE = 1 << 1,
    PYRO_IDEMPOTENT = 1 << 2,
    PYRO_OPEN_WORLD = 1 << 3,
};

/* What an operation gives to the observer's output while it runs. */
enum pyro_output_kind {
    PYRO_OUTPUT_NONE,    /* nothing: what there is to know is in the result */
    PYRO_OUTPUT_COMMAND, /* of a command, whose exit_code is in the result and which has a stdin */
    PYRO_OUTPUT_KEPT,    /* that was written before, and maybe goes on */
    PYRO_OUTPUT_PATCH,   /* a unified diff */
};

struct pyro_context;
struct pyro_client;

/* `parameters` is checked and complete: defaults are filled in. Returns 0 and a new object, or -1.
 */
typedef int (*pyro_handler)(struct pyro_context *context, const json_t *parameters,
                            const struct pyro_observer *observer, json_t **ret_result,
                            struct pyro_error *error);

/* Declares or begins a handler, pyro_NAME_handler. */
#define PYRO_HANDLER(name)                                                                         \
    int pyro_##name##_handler(struct pyro_context *context, const json_t *parameters,              \
                              const struct pyro_observer *observer, json_t **ret_result,           \
                              struct pyro_error *error)

struct pyro_operation {
    const char *name;             /* "vm_run": the C API */
    const char *cli;              /* "run", "env pull"; NULL: not on the command line */
    enum pyro_output_kind output; /* the command line shows that; the result only if asked to */
    bool reads_stdin;   /* redirected input may stand for a parameter: the observer's stdin_fd */
    const char *mcp;    /* tool name, NULL: none */
    const char *python; /* method name, NULL: none */
    const char *title;
    const char *summary;         /* one line for --help */
    const char *description;     /* a paragraph: when to use it, what it leaves behind */
    const char *mcp_description; /* the same for models, in terms of tools; NULL: description */
    const char *examples;        /* for --help: command lines, one a line; NULL: none */
    const char *exit_statuses;   /* for --help: what is beyond the usual ones; NULL: nothing */
    unsigned annotations;
    const struct pyro_parameter *parameters; /* ends with a NULL name */
    const struct pyro_field *result;         /* ends with a NULL name */
    /* Appends bytes that differ whenever the result of a call without parameters would, without
     * waiting: 0 or a negative errno. NULL: what it depends on cannot be told so. */
    int (*mark)(const struct pyro_home *home, struct pyro_buffer *mark);
    pyro_handler handler; /* NULL: the command line's own, which needs its terminal or streams */
};

/* All operations, in the order in which --help shows them. One file per family, joined in table.c.
 */
extern const struct pyro_operation *const pyro_operations[]; /* NULL-terminated */

const struct pyro_operation *pyro_operation_find(const char *name);

/* Checks `given` (object or NULL) against the description: every unknown, missing, ill-typed and
 * out-of-range member is named in one PYRO_ERROR_INVALID_PARAMETER, unknown ones with the nearest
 * name. `ret_complete` is a new object with defaults filled in; an optional member that is null
 * counts as not given. */
int pyro_parameters_check(const struct pyro_operation *operation, const json_t *given,
                          json_t **ret_complete, struct pyro_error *error);

/* Calls by name, with JSON values instead of text. What pyro_call() does, for the fronts in C. */
int pyro_operation_call(struct pyro_context *context, const struct pyro_operation *operation,
                        const json_t *given, const struct pyro_observer *observer,
                        json_t **ret_result, struct pyro_error *error);

/* The whole table as JSON. */
json_t *pyro_operation_table_to_json(void);

/* What a handler works with. */
struct pyro_context {
    struct pyro_home home;
    struct pyro_store *store;   /* NULL until pyro_context_store() */
    struct pyro_client *client; /* session_ask.c: kept from request to request; NULL: none */
    /* What a front has opened itself in place of the parameter that is a host path: the source, or
     * the output's directory. Borrowed; -1: the path is used as it is. */
    int host_fd;
    const char *const *host_left_out; /* names that are not read from it; NULL: none */
    struct pyro_spares *spares;       /* spare.h; borrowed, NULL: none */
    size_t string_max; /* bytes of a result's string that the front shows; 0: any number */
};

/* Makes home and opens the store on first use. */
int pyro_context_store(struct pyro_context *context, struct pyro_store **ret_store,
                       struct pyro_error *error);

#endif
