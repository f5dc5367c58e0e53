/* The public C API: a thin layer over the table. Text in, text out. */
#include <string.h>

#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "operation/operation.h"
#include "supervisor/client.h"

enum { PARAMETERS_SIZE_MAX = 16 * 1024 * 1024 };

int pyro_open(const struct pyro_options *options, struct pyro_context **ret_context,
              struct pyro_error *error)
{
    struct pyro_context *context = calloc(1, sizeof(*context));
    if (!context)
        return pyro_error_no_memory(error);
    context->host_fd = -1;
    const char *home = options ? options->home : NULL;
    const char *libexec = options ? options->libexec : NULL;
    if (pyro_home_init(&context->home, home, libexec, error) < 0) {
        free(context);
        return -1;
    }
    *ret_context = context;
    return 0;
}

void pyro_close(struct pyro_context *context)
{
    if (!context)
        return;
    pyro_client_destroy(context->client);
    pyro_store_close(context->store);
    pyro_home_finish(&context->home);
    free(context);
}

int pyro_context_store(struct pyro_context *context, struct pyro_store **ret_store,
                       struct pyro_error *error)
{
    if (!context->store && (pyro_home_create(&context->home, error) < 0 ||
                            pyro_store_open(context->home.path, &context->store, error) < 0))
        return -1;
    *ret_store = context->store;
    return 0;
}

int pyro_operation_call(struct pyro_context *context, const struct pyro_operation *operation,
                        const json_t *given, const struct pyro_observer *observer,
                        json_t **ret_result, struct pyro_error *error)
{
    cleanup_json json_t *parameters = NULL;
    if (!operation->handler) {
        pyro_error_set(error, PYRO_ERROR_UNKNOWN_OPERATION, "%s is only on the command line",
                       operation->name);
        return pyro_error_hint(error, "run `pyro %s` in a terminal", operation->cli);
    }
    if (pyro_parameters_check(operation, given, &parameters, error) < 0)
        return -1;
    cleanup_lock_patience int before =
        pyro_lock_patience_begin(observer ? observer->cancel_fd : -1);
    return operation->handler(context, parameters, observer, ret_result, error);
}

static const struct pyro_operation *find(const char *name, struct pyro_error *error)
{
    enum { MOST = 128 };
    const char *names[MOST + 1] = {NULL};
    const struct pyro_operation *operation = pyro_operation_find(name);
    if (operation)
        return operation;
    for (size_t i = 0; i < MOST && pyro_operations[i]; i++)
        names[i] = pyro_operations[i]->name;
    cleanup_free char *nearest = pyro_text_nearest(name, names);
    pyro_error_set(error, PYRO_ERROR_UNKNOWN_OPERATION, "there is no operation '%.64s'", name);
    if (nearest && *nearest)
        pyro_error_hint(error, "did you mean %s?", nearest);
    return NULL;
}

static int parse(const char *operation, const char *text, json_t **ret_parameters,
                 struct pyro_error *error)
{
    json_error_t problem;
    size_t size = text ? strnlen(text, PARAMETERS_SIZE_MAX + 1) : 0;
    if (size > PARAMETERS_SIZE_MAX)
        return pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                              "%s: the parameters are larger than %d MiB", operation,
                              PARAMETERS_SIZE_MAX >> 20);
    json_t *parameters =
        text ? json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem)
             : json_object();
    if (parameters) {
        *ret_parameters = parameters;
        return 0;
    }
    if (!text)
        return pyro_error_no_memory(error);
    return pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                          "%s: the parameters are not a JSON object: %s (line %d, column %d)",
                          operation, problem.text, problem.line, problem.column);
}

int pyro_call(struct pyro_context *context, const char *operation, const char *parameters_json,
              const struct pyro_observer *observer, char **ret_result_json,
              struct pyro_error *error)
{
    cleanup_json json_t *parameters = NULL, *result = NULL;
    const struct pyro_operation *found = find(operation, error);
    if (!found || parse(operation, parameters_json, &parameters, error) < 0 ||
        pyro_operation_call(context, found, parameters, observer, &result, error) < 0)
        return -1;
    *ret_result_json = json_dumps(result, JSON_COMPACT | JSON_REAL_PRECISION(15));
    return *ret_result_json ? 0 : pyro_error_no_memory(error);
}

int pyro_parameters_validate(const char *operation, const char *parameters_json,
                             struct pyro_error *error)
{
    cleanup_json json_t *given = NULL, *complete = NULL;
    const struct pyro_operation *found = find(operation, error);
    if (!found || parse(operation, parameters_json, &given, error) < 0)
        return -1;
    return pyro_parameters_check(found, given, &complete, error);
}

int pyro_operation_list(char **ret_json, struct pyro_error *error)
{
    cleanup_json json_t *table = pyro_operation_table_to_json();
    *ret_json = table ? json_dumps(table, JSON_COMPACT) : NULL;
    return *ret_json ? 0 : pyro_error_no_memory(error);
}

void pyro_free(void *text)
{
    free(text);
}
