/* The public C API of pyro: open a context, call operations by name, close it.
 *
 * Every operation of the table (`pyro_operation_list`) takes one JSON object and returns one; the
 * shapes are in docs/REFERENCE.md, which is generated from the same table. JSON text keeps the ABI
 * small: what stands here serves every front, and a new operation changes none of it.
 *
 * A context may be used by one thread at a time; open one per thread, they are cheap. Nothing here
 * exits, logs, or changes signal dispositions. All strings are UTF-8.
 */
#ifndef PYRO_PYRO_H
#define PYRO_PYRO_H

#include <stddef.h>
#include <stdint.h>

#include <pyro/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define PYRO_VERSION "2.0.0"

struct pyro_context;

/* Where a context keeps its things. Every member may be NULL: then the default in the comment. The
 * strings are copied. */
struct pyro_options {
    const char *home;    /* $PYRO_HOME, else $XDG_DATA_HOME/pyro, else ~/.local/share/pyro */
    const char *libexec; /* directory of pyro-agent and pyro-supervisor; found beside the program */
};

enum pyro_stream {
    PYRO_STDOUT = 1,
    PYRO_STDERR = 2,
};

/* As `operation` of a progress: no step, but something the user should be told in any case. */
#define PYRO_PROGRESS_NOTICE "notice"

/* One step of long work. Strings are good until the callback returns. */
struct pyro_progress {
    const char *operation; /* "pull", "boot", "push", or PYRO_PROGRESS_NOTICE */
    const char *phase;     /* one word, stable: "packages", "image", "kernel", … */
    const char *message;   /* for people, one line */
    uint64_t done;         /* of `total`, in bytes unless the message says otherwise */
    uint64_t total;        /* 0: unknown */
};

/* What a caller wants to see while an operation runs. Zero-initialise with PYRO_OBSERVER_INIT; any
 * callback may be NULL. Callbacks run in the calling thread. */
struct pyro_observer {
    void *userdata;

    /* Bytes as the command in the guest produced them, in order per stream. Return 0 to go on,
     * anything else to cancel. While it has not returned, the guest's command is held back by flow
     * control, so a slow consumer costs no memory. */
    int (*output)(void *userdata, enum pyro_stream stream, const void *bytes, size_t size_bytes);

    void (*progress)(void *userdata, const struct pyro_progress *progress);

    int cancel_fd; /* readable means: stop, clean up, return PYRO_ERROR_CANCELLED. -1: none */
    int stdin_fd;  /* for the command of operations that run one, and for those that may read a
                    * parameter from it. -1: empty */
};

#define PYRO_OBSERVER_INIT                                                                         \
    {                                                                                              \
        .cancel_fd = -1, .stdin_fd = -1                                                            \
    }

/* Opens a context. `options` may be NULL. Nothing is created on disk before an operation needs it.
 * Returns 0 and a context to be closed with pyro_close(), or -1 and `error` filled in. */
int pyro_open(const struct pyro_options *options, struct pyro_context **ret_context,
              struct pyro_error *error);

/* Closes a context. NULL is fine. Running VMs go on. */
void pyro_close(struct pyro_context *context);

/* Calls one operation, for example "vm_run", and waits for its end.
 * `parameters_json`: an object, or NULL for none. Unknown, missing and ill-typed members are all
 * reported in one error. `observer` may be NULL.
 * Returns 0 and the result as JSON text, to be freed with pyro_free(), or -1 and `error`. */
int pyro_call(struct pyro_context *context, const char *operation, const char *parameters_json,
              const struct pyro_observer *observer, char **ret_result_json,
              struct pyro_error *error);

/* Whether pyro_call() would take these parameters; nothing is done. Returns 0, or -1 and `error`.
 */
int pyro_parameters_validate(const char *operation, const char *parameters_json,
                             struct pyro_error *error);

/* The operation table as JSON: names in every front, parameters, results, annotations. To be freed
 * with pyro_free(). Returns 0, or -1 and `error` (only out of memory). */
int pyro_operation_list(char **ret_json, struct pyro_error *error);

/* Frees text that this library returned. NULL is fine. */
void pyro_free(void *text);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
