/* The table itself, looking things up in it, and the whole of it as JSON for the other fronts, the
 * reference and the tests. */
#include "operation/table.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/problems.h"

const struct pyro_operation *const pyro_operations[] = {
    &pyro_vm_run_operation,
    &pyro_workspace_create_operation,
    &pyro_workspace_sync_push_operation,
    &pyro_workspace_exec_operation,
    &pyro_workspace_export_operation,
    &pyro_workspace_diff_operation,
    &pyro_workspace_status_operation,
    &pyro_workspace_logs_operation,
    &pyro_workspace_delete_operation,
    &pyro_service_start_operation,
    &pyro_service_list_operation,
    &pyro_service_status_operation,
    &pyro_service_logs_operation,
    &pyro_service_stop_operation,
    &pyro_shell_open_operation,
    &pyro_shell_read_operation,
    &pyro_shell_write_operation,
    &pyro_shell_signal_operation,
    &pyro_shell_resize_operation,
    &pyro_shell_close_operation,
    &pyro_shell_attach_operation,
    &pyro_env_list_operation,
    &pyro_env_pull_operation,
    &pyro_env_inspect_operation,
    &pyro_env_prune_operation,
    &pyro_doctor_operation,
    &pyro_mcp_serve_operation,
    &pyro_mcp_config_operation,
    &pyro_demo_operation,
    &pyro_demo_ollama_operation,
    &pyro_vm_create_operation,
    &pyro_vm_start_operation,
    &pyro_vm_exec_operation,
    &pyro_vm_stop_operation,
    &pyro_vm_delete_operation,
    &pyro_vm_status_operation,
    &pyro_vm_network_info_operation,
    &pyro_vm_reap_expired_operation,
    NULL,
};

const struct pyro_operation *pyro_operation_find(const char *name)
{
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        if (strcmp((*at)->name, name) == 0)
            return *at;
    }
    return NULL;
}

/* As JSON has them where it has them, so bytes are a string. */
static const char *type_name(enum pyro_type type)
{
    static const char *const names[] = {
        [PYRO_TYPE_STRING] = "string",   [PYRO_TYPE_INTEGER] = "integer",
        [PYRO_TYPE_NUMBER] = "number",   [PYRO_TYPE_BOOLEAN] = "boolean",
        [PYRO_TYPE_COMMAND] = "command", [PYRO_TYPE_STRINGS] = "strings",
        [PYRO_TYPE_OBJECT] = "object",   [PYRO_TYPE_OBJECTS] = "objects",
        [PYRO_TYPE_BYTES] = "string",
    };
    return names[type];
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *fallback_to_json(const struct pyro_parameter *parameter)
{
    return parameter->fallback ? json_loads(parameter->fallback, JSON_DECODE_ANY, NULL)
                               : json_null();
}

static json_t *choices_to_json(const char *const *choices)
{
    json_t *list = choices ? json_array() : json_null();
    for (; choices && *choices; choices++)
        json_array_append_new(list, json_string(*choices));
    return list;
}

static json_t *variants_to_json(const struct pyro_variant *variants)
{
    json_t *list = variants ? json_array() : json_null();
    for (; variants && variants->type; variants++) {
        cleanup_free char *flag = pyro_text_format("--%s", variants->flag);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s?, s:s}", "type", variants->type, "member",
                                        variants->member, "flag", flag, "help", variants->help));
    }
    return list;
}

static json_t *parameter_to_json(const struct pyro_parameter *parameter)
{
    bool limited = parameter->minimum != 0 || parameter->maximum != 0;
    bool topless = !limited || parameter->maximum == INT64_MAX;
    cleanup_free char *flag =
        parameter->variants ? NULL : pyro_parameter_spelling(parameter, PYRO_NAMING_FLAGS);
    return json_pack("{s:s, s:s, s:s?, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:s}", "name",
                     parameter->name, "type", type_name(parameter->type), "flag", flag, "required",
                     parameter->required, "positional", parameter->positional, "rest",
                     parameter->rest, "default", fallback_to_json(parameter), "minimum",
                     limited ? json_integer(parameter->minimum) : json_null(), "maximum",
                     topless ? json_null() : json_integer(parameter->maximum), "choices",
                     choices_to_json(parameter->choices), "variants",
                     variants_to_json(parameter->variants), "command_line", parameter->command_line,
                     "help", parameter->help);
}

static json_t *fields_to_json(const struct pyro_field *fields)
{
    json_t *list = json_array();
    for (; fields->name; fields++) {
        json_t *members = fields->members ? fields_to_json(fields->members) : json_null();
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b, s:o, s:s}", "name", fields->name, "type",
                                        type_name(fields->type), "nullable", fields->nullable,
                                        "members", members, "help", fields->help));
    }
    return list;
}

static json_t *operation_to_json(const struct pyro_operation *operation)
{
    json_t *parameters = json_array();
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++)
        json_array_append_new(parameters, parameter_to_json(p));
    unsigned flags = operation->annotations;
    json_t *annotations =
        json_pack("{s:b, s:b, s:b, s:b}", "read_only", (flags & PYRO_READ_ONLY) != 0, "destructive",
                  (flags & PYRO_DESTRUCTIVE) != 0, "idempotent", (flags & PYRO_IDEMPOTENT) != 0,
                  "open_world", (flags & PYRO_OPEN_WORLD) != 0);
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o}", "name", operation->name,
                     "cli", text_or_null(operation->cli), "mcp", text_or_null(operation->mcp),
                     "python", text_or_null(operation->python), "title", operation->title,
                     "summary", operation->summary, "description", operation->description,
                     "annotations", annotations, "parameters", parameters, "result",
                     fields_to_json(operation->result));
}

json_t *pyro_operation_table_to_json(void)
{
    json_t *operations = json_array();
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        if (json_array_append_new(operations, operation_to_json(*at)) < 0) {
            json_decref(operations);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o}", "version", PYRO_VERSION, "operations", operations);
}
