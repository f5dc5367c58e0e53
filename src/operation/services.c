/* Services of a workspace: start, look, stop. Their output is service_logs.c. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/command.h"
#include "operation/session_support.h"
#include "operation/workspace_support.h"
#include "supervisor/log.h"
#include "wire/endpoint.h"

/* One that is to be started. */
struct start {
    struct pyro_context *context;
    const json_t *parameters;
    const struct pyro_observer *observer;
    const char *name;
    struct pyro_command command;
    char *cwd;
};

static int check_name(const char *name, struct pyro_error *error)
{
    if (pyro_session_name_is_valid(name))
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "service_name must be a letter or digit and up to 63 more letters, digits, "
                   "'.', '_' or '-', not '%.80s'",
                   name);
    return pyro_error_field(error, "service_name");
}

/* What the probe looks at: the readiness's one member that is not its type. */
static const char *target_of(const json_t *readiness)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)readiness, key, value)
    {
        if (strcmp(key, "type") != 0)
            return json_string_value(value);
    }
    return "";
}

/* What a probe could only find out by waiting in vain. */
static int check_readiness(const json_t *readiness, struct pyro_error *error)
{
    const char *type = pyro_json_text(readiness, "type", ""), *target = target_of(readiness);
    const char *wanted = NULL;
    struct pyro_endpoint endpoint;
    struct pyro_url url;
    if (strcmp(type, "tcp") == 0 && !pyro_endpoint_parse(target, strlen(target), NULL, &endpoint))
        wanted = "HOST:PORT, for example 127.0.0.1:8000";
    if (strcmp(type, "http") == 0 && !pyro_url_parse(target, &url))
        wanted = "http://HOST[:PORT][/PATH], for example http://127.0.0.1:8000/";
    if (!wanted)
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "readiness by %s needs %s, not '%.200s'",
                   type, wanted, target);
    return pyro_error_field(error, "readiness");
}

/* As much of the command as people want to see: its words go their own way. To be freed. */
static char *abridge(const char *command)
{
    enum { LONGEST = 4096 };
    size_t length = strlen(command);
    if (length <= LONGEST)
        return strdup(command);
    length = LONGEST - pyro_text_unfinished(command, LONGEST);
    return pyro_text_format("%.*s…", (int)length, command);
}

static json_t *describe(const struct start *start)
{
    const json_t *parameters = start->parameters;
    cleanup_free char *command = abridge(start->command.display);
    json_t *readiness = json_object_get(parameters, "readiness");
    cleanup_json json_t *probe =
        readiness ? json_pack("{s:s, s:s}", "type", pyro_json_text(readiness, "type", ""), "target",
                              target_of(readiness))
                  : json_null();
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:O?}, s:O, s:I, s:I}", "request", "service_start",
                     "name", start->name, "record", "command", command ? command : "", "cwd",
                     start->cwd, "readiness", readiness, "probe", probe, "interval_ms",
                     (json_int_t)pyro_json_integer(parameters, "ready_interval_ms", 0), "limit_ms",
                     (json_int_t)pyro_json_integer(parameters, "ready_timeout_seconds", 0) * 1000);
}

/* The last lines of one stream, as far as they fit. */
static void append_tail(const struct pyro_session *session, const char *stream, size_t most,
                        char *text, size_t size)
{
    enum { LINES = 10 };
    uint64_t from, end;
    struct pyro_log_part part = {0};
    size_t used = strlen(text);
    if (pyro_log_find_tail(session->directory, stream, LINES, &from, &end) == 0 &&
        pyro_log_read(session->directory, stream, PYRO_LOG_BYTES, from, end - from, &part) == 0 &&
        part.size > 0) {
        size_t cut = part.size > most ? part.size - most : 0;
        for (size_t i = cut; i < part.size; i++)
            part.text[i] = part.text[i] == '\0' ? '?' : part.text[i];
        snprintf(text + used, size - used, "\n%s: %s%s", stream, cut ? "…" : "", part.text + cut);
    }
    pyro_log_part_finish(&part);
}

/* Why it did not come up, with what it said itself. */
static int fail(const struct start *start, const json_t *answer, struct pyro_error *error)
{
    const json_t *record = json_object_get(answer, "record");
    char said[1024] = "";
    struct pyro_session session;
    if (pyro_session_find(start->context, start->parameters, PYRO_SESSION_SERVICE, &session,
                          NULL) == 0) {
        append_tail(&session, "stderr", 600, said, sizeof(said));
        append_tail(&session, "stdout", 300, said, sizeof(said));
    }
    pyro_session_finish(&session);
    cleanup_free char *shown = pyro_text_to_utf8(said, strlen(said), NULL);
    pyro_error_set(error, PYRO_ERROR_SERVICE_FAILED, "the service %s failed: %s%s", start->name,
                   pyro_json_text(record, "stop_reason", "it ended"), shown ? shown : "");
    if (pyro_json_text(answer, "field", NULL))
        pyro_error_field(error, pyro_json_text(answer, "field", NULL));
    bool went_away = pyro_json_boolean(answer, "by_itself", false) &&
                     pyro_json_integer(record, "exit_code", -1) == 0;
    return pyro_error_hint(error, "%s; `pyro workspace service logs %s %s` shows all it wrote",
                           went_away ? "start it so that it stays in the foreground"
                                     : "nothing of it runs any more",
                           pyro_json_text(start->parameters, "workspace_id", ""), start->name);
}

static int request(const struct start *start, json_t **ret_result, struct pyro_error *error)
{
    char *none[] = {NULL};
    const struct pyro_exec exec = {
        .arguments = start->command.arguments, .environment = none, .directory = start->cwd};
    cleanup_json json_t *answer = NULL;
    if (pyro_session_ask(start->context, start->parameters, describe(start),
                         &(struct pyro_attached){.exec = &exec}, start->observer, &answer,
                         error) < 0)
        return -1;
    const json_t *record = json_object_get(answer, "record");
    if (!json_is_real(json_object_get(record, "ready_at")))
        return fail(start, answer, error);
    return pyro_session_result(PYRO_SESSION_SERVICE, start->parameters, record, NULL, ret_result,
                               error);
}

PYRO_HANDLER(service_start)
{
    struct start start = {.context = context,
                          .parameters = parameters,
                          .observer = observer,
                          .name = pyro_json_text(parameters, "service_name", "")};
    if (check_name(start.name, error) < 0 ||
        check_readiness(json_object_get(parameters, "readiness"), error) < 0)
        return -1;
    int r = pyro_command_init(&start.command, json_object_get(parameters, "command"), error);
    if (r == 0) {
        start.cwd = pyro_guest_directory(pyro_json_text(parameters, "cwd", ""));
        r = start.cwd ? request(&start, ret_result, error) : pyro_error_no_memory(error);
    }
    free(start.cwd);
    pyro_command_finish(&start.command);
    return r;
}

PYRO_HANDLER(service_list)
{
    (void)observer;
    struct pyro_vm_record record;
    if (pyro_workspace_find(context, parameters, &record, error) < 0)
        return -1;
    const char *id = pyro_json_text(parameters, "workspace_id", "");
    cleanup_json json_t *services = pyro_sessions_to_json(
        context, record.vm_id, id, PYRO_SESSION_SERVICE, strcmp(record.state, "started") == 0);
    pyro_vm_record_finish(&record);
    *ret_result = json_pack("{s:s, s:i, s:i, s:O}", "workspace_id", id, "count",
                            (int)json_array_size(services), "running_count",
                            pyro_sessions_count_running(services), "services", services);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

PYRO_HANDLER(service_status)
{
    (void)observer;
    struct pyro_session session;
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SERVICE, &session, error);
    if (r == 0)
        r = pyro_session_result(PYRO_SESSION_SERVICE, parameters, session.record, NULL, ret_result,
                                error);
    pyro_session_finish(&session);
    return r;
}

/* `ret_was_running`: it was this call that ended it. */
static int stop(struct pyro_context *context, const json_t *parameters,
                const struct pyro_observer *observer, struct pyro_session *session,
                bool *ret_was_running, struct pyro_error *error)
{
    cleanup_json json_t *answer = NULL;
    json_t *request =
        json_pack("{s:s, s:s, s:I}", "request", "service_stop", "name", session->name, "grace_ms",
                  (json_int_t)pyro_json_integer(parameters, "grace_seconds", 0) * 1000);
    if (pyro_session_ask(context, parameters, request, NULL, observer, &answer, error) < 0)
        return -1;
    *ret_was_running = pyro_json_boolean(answer, "was_running", false);
    json_t *record = json_object_get(answer, "record");
    if (!record)
        return pyro_session_refresh(context, session, error);
    json_decref(session->record); /* of the one that was stopped: another one may have its name */
    session->record = json_incref(record);
    return 0;
}

PYRO_HANDLER(service_stop)
{
    struct pyro_session session;
    bool was_running = false;
    int r = pyro_session_find(context, parameters, PYRO_SESSION_SERVICE, &session, error);
    if (r == 0 && pyro_session_is_running(session.record))
        r = stop(context, parameters, observer, &session, &was_running, error);
    if (r == 0)
        r = pyro_session_result(PYRO_SESSION_SERVICE, parameters, session.record,
                                json_pack("{s:b}", "was_running", was_running), ret_result, error);
    pyro_session_finish(&session);
    return r;
}
